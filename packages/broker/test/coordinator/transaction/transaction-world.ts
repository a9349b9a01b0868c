import { MillraceError } from '@millrace/base';
import { expect } from 'vitest';
import type { IdentityReply } from '../../../src/coordinator/transaction/decisions/identity-reply.js';
import {
  type TransactionEntry,
  transactionEntryCodec,
} from '../../../src/coordinator/transaction/transaction-entry.js';
import {
  type TransactionCommand,
  transactionMachine,
  type TransactionReply,
} from '../../../src/coordinator/transaction/transaction-machine.js';
import {
  isCommit,
  isEnding,
  isSame,
  type ProducerIdentity,
  type TransactionsState,
  type TransactionState,
} from '../../../src/coordinator/transaction/transaction-state.js';

export const policy = { maxTimeoutMs: 10_000, idExpirationMs: 50_000, maxPartitions: 100, maxTransactionalIds: 100 };
export const machine = transactionMachine(policy);
const id = 't';
const timeoutMs = 5000;

/** What a partition holds: records by the identity they were written under, and how each identity ended there. */
class ModelPartition {
  readonly key: string;
  /** The highest epoch of each producer id: what is below is refused. */
  readonly epochs = new Map<number, number>();
  readonly records: ProducerIdentity[] = [];
  readonly fates = new Map<string, 'commit' | 'abort'>();
  markers = 0;

  constructor(index: number) {
    this.key = `${'topic'.padEnd(22, 'x')}:${index}`;
  }

  isOpen(identity: ProducerIdentity): boolean {
    return this.records.some((one) => nameOf(one) === nameOf(identity)) && !this.fates.has(nameOf(identity));
  }

  write(identity: ProducerIdentity): boolean {
    const known = this.epochs.get(identity.producerId) ?? 0;
    if (identity.producerEpoch < known) return false;
    expect(this.fates.has(nameOf(identity)), 'nothing is written after the end').toBe(false);
    this.epochs.set(identity.producerId, identity.producerEpoch);
    this.records.push(identity);
    return true;
  }

  /** `last`: what the transaction ran under. */
  mark(last: ProducerIdentity, fate: 'commit' | 'abort'): void {
    const before = this.fates.get(nameOf(last));
    if (before !== undefined) {
      expect(before, 'a marker that is sent again says the same').toBe(fate);
      return;
    }
    this.fates.set(nameOf(last), fate);
    this.epochs.set(last.producerId, last.producerEpoch + 1);
    this.markers += 1;
  }
}

type IdentityCommand = Extract<TransactionCommand, { kind: 'init-producer' | 'end-transaction' }>;

/** A process that uses the transactional id. One that was replaced goes on as if nothing had happened. */
interface Instance {
  identity: ProducerIdentity | undefined;
  /** When it got its first identity, among all. */
  readonly order: number;
}

const legal: Readonly<Record<TransactionState['status'], readonly TransactionState['status'][]>> = {
  empty: ['empty', 'ongoing', 'complete-abort'],
  ongoing: ['ongoing', 'prepare-commit', 'prepare-abort'],
  'prepare-commit': ['complete-commit'],
  'prepare-abort': ['complete-abort'],
  'complete-commit': ['empty', 'ongoing', 'complete-abort', 'complete-commit'],
  'complete-abort': ['empty', 'ongoing', 'complete-abort'],
};

/** One transactional id, the processes that use it, the partitions they write to; and what must never be. */
export class TransactionWorld {
  state: TransactionsState = machine.initial();
  readonly log: TransactionEntry[] = [];
  readonly instances: Instance[] = [];
  readonly partitions = [0, 1, 2].map((index) => new ModelPartition(index));
  /** What producers were told of the transaction under each identity. */
  readonly told = new Map<string, 'commit' | 'abort'>();
  nowMs = 1_000_000;
  #nextProducerId = 1;
  #newest = -1;
  readonly #begun = new Set<string>();
  /** All but those of producers that have no identity yet: such a one takes over whenever it arrives. */
  readonly #sent: IdentityCommand[] = [];

  get transaction(): TransactionState | undefined {
    return this.state.get(id);
  }

  /** As if it had been used for long. */
  age(producerEpoch: number): void {
    const state = this.transaction;
    if (state === undefined) return;
    const value = { ...state, current: { ...state.current, producerEpoch } };
    this.#apply([{ transactionalId: id, value }]);
    for (const instance of this.instances) instance.identity = value.current;
  }

  submit(command: TransactionCommand): TransactionReply {
    const { entries, reply } = machine.decide(this.state, command, this.nowMs, this.log.length);
    this.#apply(entries);
    return reply;
  }

  start(): void {
    this.instances.push({ identity: undefined, order: this.instances.length });
    this.init(this.instances.length - 1, { isNew: true, isLost: false });
  }

  init(index: number, { isNew, isLost }: { isNew: boolean; isLost: boolean }): void {
    const instance = this.instances[index % this.instances.length];
    if (instance === undefined) return;
    const expected = isNew ? undefined : instance.identity;
    // A process that was replaced knows nothing of it, and takes over again only as a new one.
    if (expected === undefined && instance.order < this.#newest) return;
    const entries = this.log.length;
    const reply = this.#identity({
      kind: 'init-producer',
      transactionalId: id,
      timeoutMs,
      expected,
      newProducerId: -1,
    });
    // With what it has written, be it only the end of the one before, nobody older counts any more.
    if (this.log.length > entries || reply !== undefined) this.#newest = Math.max(this.#newest, instance.order);
    if (reply === undefined) return;
    if (!isLost) instance.identity = reply;
  }

  write(index: number, place: number): void {
    const instance = this.instances[index % this.instances.length];
    const partition = this.partitions[place % this.partitions.length];
    if (instance?.identity === undefined || partition === undefined) return;
    const { identity } = instance;
    if (!partition.isOpen(identity) && !this.#isAdded(identity, partition)) return;
    if (!partition.write(identity)) return;
    // What is open at a partition takes records until the marker is there; they go the way of the rest.
    const { last, status } = this.transaction ?? {};
    if (status === 'prepare-abort' && isSame(last, identity)) return;
    expect(instance.order, 'only the newest writes').toBeGreaterThanOrEqual(this.#newest);
  }

  end(index: number, { isCommitted, isLost }: { isCommitted: boolean; isLost: boolean }): void {
    const instance = this.instances[index % this.instances.length];
    if (instance?.identity === undefined) return;
    const { identity } = instance;
    const end = { kind: 'end-transaction' as const, transactionalId: id, identity, isCommitted, newProducerId: -1 };
    const reply = this.#identity(end);
    if (reply === undefined) return;
    const outcome = isCommitted ? 'commit' : 'abort';
    expect(this.told.get(nameOf(identity)) ?? outcome, 'one answer for ever').toBe(outcome);
    this.told.set(nameOf(identity), outcome);
    if (!isLost) instance.identity = reply;
  }

  /** A request of before arrives again: it must not touch a transaction that is not its own. */
  late(index: number): void {
    const command = this.#sent[index % Math.max(1, this.#sent.length)];
    if (command === undefined) return;
    const identity = command.kind === 'init-producer' ? command.expected : command.identity;
    const before = this.transaction;
    this.#identity(command);
    if (before?.status !== 'ongoing' || identity === undefined || isSame(before.current, identity)) return;
    expect(this.transaction, 'a late request changes nothing').toBe(before);
  }

  /** Some of the markers arrive; when all have, the transaction is complete. */
  deliver(count: number): void {
    const state = this.transaction;
    if (state === undefined || !isEnding(state) || state.last === undefined) return;
    const { last } = state;
    const targets = this.partitions.filter(({ key }) => state.partitions.has(key));
    for (const partition of targets.slice(0, count)) partition.mark(last, isCommit(state) ? 'commit' : 'abort');
    if (count < targets.length) return;
    this.submit({ kind: 'complete-transaction', transactionalId: id, last });
  }

  pass(ms: number): void {
    this.nowMs += ms;
    const state = this.transaction;
    if (state?.status !== 'ongoing' || this.nowMs - state.startedMs < state.timeoutMs) return;
    const expire = { kind: 'expire-transaction' as const, transactionalId: id, identity: state.current };
    if (this.submit({ ...expire, newProducerId: -1 }) !== 'producer-id-needed') return;
    this.submit({ ...expire, newProducerId: this.#nextProducerId++ });
  }

  /** Another coordinator: it has nothing but the log, of which compaction may have left the newest record only. */
  failOver(): void {
    const records = this.log.map((entry) => transactionEntryCodec.encode(entry));
    const replay = (from: typeof records): TransactionsState => {
      let state = machine.initial();
      for (const [position, { key, value }] of from.entries()) {
        const entry = transactionEntryCodec.decode(key, value);
        if (entry !== undefined) state = machine.apply(state, entry, position);
      }
      return state;
    };
    const before = this.state;
    this.state = replay(records);
    expect(this.transaction).toEqual(before.get(id));
    expect(replay(records.slice(-1)).get(id)).toEqual(before.get(id));
  }

  /** Everything that is decided reaches the partitions, and what is open is over some time. */
  settle(): void {
    this.pass(timeoutMs);
    this.deliver(this.partitions.length);
    expect(this.transaction?.status ?? 'empty').not.toMatch(/ongoing|prepare/);
    const fates = new Map<string, Set<string>>();
    for (const { records, fates: here } of this.partitions) {
      for (const record of records) {
        const name = nameOf(record);
        const fate = here.get(name);
        expect(fate, 'no transaction stays open').toBeDefined();
        fates.set(name, (fates.get(name) ?? new Set()).add(fate ?? 'none'));
        expect(this.told.get(name) ?? fate, 'what was told is what is read').toBe(fate);
      }
    }
    for (const [name, all] of fates) expect(all.size, `${name} is all or nothing`).toBe(1);
  }

  #isAdded(identity: ProducerIdentity, { key }: ModelPartition): boolean {
    const image = { position: 1, topicById: () => ({}) };
    try {
      const add = { kind: 'add-partitions' as const, transactionalId: id, identity, partitions: [key], image };
      return (this.submit(add) as { kind: string }).kind === 'added';
    } catch (error) {
      return refused(error);
    }
  }

  /** Undefined: refused, or to be asked again. */
  #identity(command: IdentityCommand): ProducerIdentity | undefined {
    if (command.kind === 'end-transaction' || command.expected !== undefined) this.#sent.push(command);
    try {
      let reply = this.submit(command) as IdentityReply;
      if (reply.kind === 'producer-id-needed') {
        reply = this.submit({ ...command, newProducerId: this.#nextProducerId++ }) as IdentityReply;
      }
      if (reply.kind !== 'identity') return undefined;
      return { producerId: reply.producerId, producerEpoch: reply.producerEpoch };
    } catch (error) {
      refused(error);
      return undefined;
    }
  }

  #apply(entries: readonly TransactionEntry[]): void {
    for (const entry of entries) {
      const before = this.transaction;
      this.state = machine.apply(this.state, entry, this.log.length);
      this.log.push(entry);
      const after = this.transaction;
      if (after === undefined || before === undefined) continue;
      expect(legal[before.status], `${before.status} -> ${after.status}`).toContain(after.status);
      if (before.status === 'ongoing' || after.status !== 'ongoing') continue;
      expect(this.#begun.has(nameOf(after.current)), 'an identity has one transaction').toBe(false);
      this.#begun.add(nameOf(after.current));
    }
  }
}

function nameOf({ producerId, producerEpoch }: ProducerIdentity): string {
  return `${producerId}/${producerEpoch}`;
}

const refusals: ReadonlySet<string> = new Set([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
  'TRANSACTION_ABORTABLE',
]);

function refused(error: unknown): false {
  if (error instanceof MillraceError && refusals.has(error.code)) return false;
  throw error;
}
