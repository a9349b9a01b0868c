/**
 * One group as its coordinator's log tells it, record by record, with what must hold between two records:
 * - D1, D2: no partition is two members' at once, however a rebalance goes; epochs only rise;
 * - D3: a commit that names its member came from the owner of that moment;
 * - D4: committed offsets of at-least-once groups never go back, but where the log itself went back: a member whose position
 *   is beyond the end of its log begins again where `autoOffsetReset` says, and commits what it reads there;
 * - D7: no rebalance begins for a change of a member that did not change;
 * - D9: the offsets of a group with members do not expire;
 * - D6: a rebalance moves no more partitions than the change asks for.
 */
import type { GroupRecord, GroupRecordValue } from '@millrace/protocol';
import { minimalMoves } from './minimal-moves.js';

type Current = GroupRecordValue<'current'>;
type Member = GroupRecordValue<'member'>;

export interface LedgerOptions {
  /** At-most-once: what was committed ahead and not handed over is given back. */
  readonly mayRewind: boolean;
  /** Topics that may lose what was acknowledged. */
  readonly forgetful: ReadonlySet<string>;
  /** Topics that are never deleted. */
  readonly topics: ReadonlySet<string>;
}

export class GroupLedger {
  /** Members that were put out, and could not know at once. */
  readonly putOut = new Set<string>();
  readonly problems: { readonly invariant: string; readonly text: string }[] = [];
  rebalances = 0;
  readonly #options: LedgerOptions;
  #epoch = 0;
  #assignor = '';
  readonly #members = new Map<string, Member>();
  /** Who asks for something else since the last rebalance. */
  readonly #changed = new Set<string>();
  readonly #targets = new Map<string, ReadonlySet<string>>();
  /** As they were when the present epoch began. */
  #targetsBefore: ReadonlyMap<string, ReadonlySet<string>> = new Map();
  readonly #currents = new Map<string, Current>();
  readonly #offsets = new Map<string, number>();
  /** Of all topics that it has read, by id. */
  readonly #topicNames = new Map<string, string>();

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  apply(record: GroupRecord): void {
    switch (record.type) {
      case 'group':
        this.#group(record.value);
        break;
      case 'member':
        this.#member(record.key[2], record.value);
        break;
      case 'target':
        change(this.#targets, record.key[2], record.value === null ? null : partitionsOf(record.value.partitions));
        break;
      case 'current':
        this.#current(record.key[2], record.value);
        break;
      case 'rebalance':
        if (record.value !== null) this.#rebalance(record.value);
        break;
      case 'offset':
        this.#offset(`${record.key[2]}:${record.key[3]}`, record.value);
        break;
      case 'pending-offset':
        // It counts when its transaction is committed: as an offset, then.
        break;
    }
  }

  /** Between two batches: nothing is half done. */
  checkOwners(): void {
    const owners = new Map<string, string>();
    for (const [memberId, current] of this.#currents) {
      for (const key of heldBy(current)) {
        const other = owners.get(key);
        if (other !== undefined) this.#problem('D1', `${key} is ${other}'s and ${memberId}'s at epoch ${this.#epoch}`);
        owners.set(key, memberId);
      }
      if (current.epoch > this.#epoch) {
        this.#problem('D2', `${memberId} is at epoch ${current.epoch}, the group at ${this.#epoch}`);
      }
    }
  }

  #group(value: GroupRecordValue<'group'> | null): void {
    if (value !== null && value.epoch <= this.#epoch) {
      this.#problem('D2', `the epoch went from ${this.#epoch} to ${value.epoch}`);
    }
    this.#epoch = value?.epoch ?? 0;
    this.#assignor = value?.assignor ?? '';
    this.#targetsBefore = new Map(this.#targets);
    for (const { topicId, name } of value?.topics ?? []) this.#topicNames.set(topicId, name);
  }

  #member(memberId: string, value: Member | null): void {
    if (value !== null && wishOf(this.#members.get(memberId)) !== wishOf(value)) this.#changed.add(memberId);
    change(this.#members, memberId, value);
  }

  #current(memberId: string, value: Current | null): void {
    const before = this.#currents.get(memberId);
    if (before !== undefined && value !== null && value.epoch > 0 && value.epoch < before.epoch) {
      this.#problem('D2', `${memberId} went from epoch ${before.epoch} to ${value.epoch}`);
    }
    change(this.#currents, memberId, value);
  }

  #rebalance({ epoch, trigger, memberId, finishedMs, isSuperseded }: GroupRecordValue<'rebalance'>): void {
    if (memberId !== null && (trigger === 'member-expired' || trigger === 'member-fenced')) this.putOut.add(memberId);
    if (epoch !== this.#epoch || finishedMs !== -1 || isSuperseded) return;
    this.rebalances += 1;
    const isOfMember = trigger === 'subscription-changed' || trigger === 'assignor-changed';
    if (isOfMember && memberId !== null && !this.#changed.has(memberId)) {
      this.#problem('D7', `epoch ${epoch} began (${trigger}) though ${memberId} asks for nothing else than before`);
    }
    this.#changed.clear();
    if (this.#assignor !== 'uniform' || !this.#areAlike()) return;
    const { moved, atLeast } = minimalMoves(this.#targetsBefore, this.#targets);
    if (moved > atLeast) {
      this.#problem('D6', `epoch ${epoch} (${trigger}) moved ${moved} partitions where ${atLeast} were enough`);
    }
  }

  #offset(key: string, value: GroupRecordValue<'offset'> | null): void {
    if (value === null) {
      const { size } = this.#members;
      if (size > 0 && this.#options.topics.has(this.#topicOf(key))) {
        this.#problem('D9', `the offset of ${key} was removed while the group had ${size} members`);
      }
      this.#offsets.delete(key);
      return;
    }
    const before = this.#offsets.get(key) ?? 0;
    if (value.offset < before && !this.#mayGoBack(key)) {
      this.#problem('D4', `the offset of ${key} went back from ${before} to ${value.offset}`);
    }
    this.#offsets.set(key, value.offset);
    const { metadata: memberId } = value;
    const current = memberId === null ? undefined : this.#currents.get(memberId);
    if (memberId === null || memberId === '') return;
    if (current !== undefined && [...heldBy(current)].includes(key)) return;
    this.#problem('D3', `${memberId} committed ${value.offset} of ${key} without having it`);
  }

  #mayGoBack(key: string): boolean {
    const { mayRewind, forgetful } = this.#options;
    return mayRewind || forgetful.has(this.#topicOf(key));
  }

  /** By name; empty when the group has never read it. */
  #topicOf(key: string): string {
    return this.#topicNames.get(key.slice(0, key.indexOf(':'))) ?? '';
  }

  /** Only among equals is it plain how few moves are enough. */
  #areAlike(): boolean {
    const texts = new Set(
      [...this.#members.values()].map(({ topics, pattern, rackId }) => `${topics.join()} ${pattern} ${rackId ?? ''}`),
    );
    return texts.size <= 1;
  }

  #problem(invariant: string, text: string): void {
    this.problems.push({ invariant, text });
  }
}

/** What the assignment depends on. */
function wishOf(member: Member | undefined): string {
  if (member === undefined) return '';
  const { topics, pattern, rackId, assignor } = member;
  return JSON.stringify([topics, pattern, rackId, assignor]);
}

function change<Value>(map: Map<string, Value>, key: string, value: Value | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

function partitionsOf(topics: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]) {
  return new Set(topics.flatMap(({ topicId, partitions }) => partitions.map((each) => `${topicId}:${each}`)));
}

function heldBy({ assigned, revoking }: Current): Set<string> {
  return partitionsOf([...assigned, ...revoking]);
}
