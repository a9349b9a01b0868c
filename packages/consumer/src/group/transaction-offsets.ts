/** What a member has handed over, for the transaction of a producer to commit. */
import { protocolError } from '@millrace/protocol';
import type { TopicPartition } from '../consumer-record.js';
import type { Holdings } from './holdings.js';
import type { MemberIdentity, OffsetCommitter } from './offset-committer.js';

/** The offsets to commit, and who commits them. Made for one transaction. */
export interface TransactionOffsets extends MemberIdentity {
  readonly group: string;
  readonly offsets: readonly (TopicPartition & { readonly offset: number })[];
  /** To be called when the transaction is committed. */
  readonly committed: () => void;
}

export interface TransactionOffsetsOf {
  readonly group: string;
  readonly identity: MemberIdentity;
  readonly holdings: Holdings;
  readonly committer: OffsetCommitter;
}

/**
 * Throws `STALE_MEMBER_EPOCH` when a partition is gone of which records were handed over since the last commit: what was made
 * of those must not count, for somebody else gets them too.
 */
export function transactionOffsets({ group, identity, holdings, committer }: TransactionOffsetsOf): TransactionOffsets {
  const dropped = holdings.takeDropped();
  if (dropped !== undefined) {
    throw protocolError(
      'STALE_MEMBER_EPOCH',
      `This member of group ${group} has given up ${dropped.topic}-${dropped.partition}, or lost it, with records of it in ` +
        "hand: they are another's now. Abort the transaction, and go on with seekToCommitted().",
    );
  }
  const entries = [...holdings.states].flatMap((state) => committer.entryBackTo(state, state.position) ?? []);
  return {
    group,
    ...identity,
    offsets: entries.map(({ state: { topic, partition }, offset }) => ({ topic, partition, offset })),
    committed: () => {
      for (const { state, offset, generation } of entries) {
        if (state.generation === generation && !state.isRemoved) committer.note(state, offset);
      }
    },
  };
}
