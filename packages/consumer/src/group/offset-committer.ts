/**
 * Commits of one member, one request after the other, so that a late one never undoes a newer one.
 *
 *     log   ... committed ...... processed ... [in hand] ... position
 *               │ known here     │ auto commit               │ commit()
 *
 * It remembers what is committed of each partition. A lower offset is sent, with leave to go back, only after the program
 * has sought there; else it is old news.
 */
import { errorCode, type MillraceError } from '@millrace/base';
import { errorFromWire, offsetCommitApi, protocolError, type OffsetCommitRequest } from '@millrace/protocol';
import type { TopicPartition } from '../consumer-record.js';
import type { PartitionState } from '../partition-state.js';
import type { CoordinatorLink } from './coordinator-link.js';

export interface MemberIdentity {
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
}

export interface CommitEntry {
  readonly state: PartitionState;
  /** Of the state when the offset was taken. */
  readonly generation: number;
  readonly offset: number;
  readonly metadata: string | null;
  readonly allowRewind: boolean;
}

export interface OffsetCommitterOptions {
  readonly link: Pick<CoordinatorLink, 'callWithRetries'>;
  readonly group: string;
  readonly identity: () => MemberIdentity;
  /** The topic id under which the member has the partition; undefined: it does not have it any more. */
  readonly topicIdOf: (state: PartitionState) => string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface Known {
  readonly offset: number;
  readonly generation: number;
}

export class OffsetCommitter {
  readonly #options: OffsetCommitterOptions;
  readonly #known = new Map<PartitionState, Known>();
  /** The furthest offset that was sent, or is about to be, and of which no answer says yet that it is committed. */
  readonly #unsure = new Map<PartitionState, number>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: OffsetCommitterOptions) {
    this.#options = options;
  }

  /** What the coordinator has of a partition. */
  note(state: PartitionState, offset: number): void {
    this.#known.set(state, { offset, generation: state.generation });
  }

  forget(state: PartitionState): void {
    this.#known.delete(state);
    this.#unsure.delete(state);
  }

  /** -1: nothing that we know of. */
  committedOf(state: PartitionState): number {
    return this.#known.get(state)?.offset ?? -1;
  }

  /**
   * What the program asks for by number. A lower one than what is committed may be left from an earlier time with the
   * partition, of which the program tries again what nobody answered: only after a seek it is meant.
   */
  askedEntry(state: PartitionState, offset: number, metadata: string | null): CommitEntry {
    const known = this.#known.get(state);
    const { generation } = state;
    const allowRewind = known !== undefined && offset < known.offset && known.generation !== generation;
    return { state, generation, offset, metadata, allowRewind };
  }

  /** What there is to commit when a partition has come to `offset`; undefined when that is known already. */
  entry(state: PartitionState, offset: number | undefined): CommitEntry | undefined {
    if (offset === undefined) return undefined;
    const known = this.#known.get(state);
    const { generation } = state;
    if (known?.offset === offset) return undefined;
    const isLower = known !== undefined && offset < known.offset;
    if (isLower && known.generation === generation) return undefined;
    return { state, generation, offset, metadata: null, allowRewind: isLower };
  }

  /** What there is to commit so that the next owner begins at `offset`, whatever has been committed ahead of it. */
  entryBackTo(state: PartitionState, offset: number | undefined): CommitEntry | undefined {
    if (offset === undefined) return undefined;
    const known = this.committedOf(state);
    const furthest = Math.max(known, this.#unsure.get(state) ?? -1);
    if (known === offset && furthest === offset) return undefined;
    const { generation } = state;
    return { state, generation, offset, metadata: null, allowRewind: offset < furthest };
  }

  /** Resolves when the coordinator has all of them; rejects with the first error. Those that succeed are committed. */
  commit(entries: readonly CommitEntry[]): Promise<void> {
    if (entries.length === 0) return Promise.resolve();
    for (const { state, offset } of entries) this.#unsure.set(state, Math.max(offset, this.#unsure.get(state) ?? -1));
    const result = this.#last.then(async () => {
      await this.#send(entries.filter(({ allowRewind }) => !allowRewind));
      await this.#send(entries.filter(({ allowRewind }) => allowRewind));
    });
    // The next commit goes its own way, whatever has become of this one.
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #send(entries: readonly CommitEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const { link, timeoutMs, signal, group } = this.#options;
    const reply = await link.callWithRetries(offsetCommitApi, () => this.#request(entries), { timeoutMs, signal });
    if (reply.partitions.length !== entries.length) {
      throw protocolError('INVALID_RESPONSE', 'OffsetCommit was answered for other partitions.');
    }
    let first: MillraceError | undefined;
    reply.partitions.forEach((answer, index) => {
      const { state, offset, generation, allowRewind } = entries[index] as CommitEntry;
      const error = errorFromWire(answer, `Group ${group}: offset ${offset} of ${state.topic}-${state.partition}`);
      if (error === undefined && this.#options.topicIdOf(state) !== undefined) {
        this.#known.set(state, { offset, generation });
        if (allowRewind || offset >= (this.#unsure.get(state) ?? -1)) this.#unsure.delete(state);
      }
      first ??= error;
    });
    if (first !== undefined) throw first;
  }

  #request(entries: readonly CommitEntry[]): OffsetCommitRequest {
    const { group, identity, topicIdOf } = this.#options;
    const partitions = entries.map(({ state, offset, metadata }) => {
      const topicId = topicIdOf(state);
      if (topicId === undefined) throw givenUp(group, state);
      return { topicId, partition: state.partition, offset, leaderEpoch: -1, metadata };
    });
    return { group, ...identity(), allowRewind: entries.some(({ allowRewind }) => allowRewind), partitions };
  }
}

export function givenUp(group: string, { topic, partition }: TopicPartition): MillraceError {
  return protocolError(
    'STALE_MEMBER_EPOCH',
    `This member of group ${group} has given up ${topic}-${partition}, or lost it: what it read of it is another's to commit.`,
  );
}

/** Whether a commit failed because the partition or the membership is gone, which the next heartbeat tells too. */
export function isFenced(error: unknown): boolean {
  return ['STALE_MEMBER_EPOCH', 'UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID'].includes(errorCode(error));
}
