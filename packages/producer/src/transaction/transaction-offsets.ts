/** The offsets that a transaction commits: what it read, in the group that reads it. */

/** The next offset to read of a partition: everything before it is done. */
export interface OffsetInTransaction {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Any text to keep with it. */
  readonly metadata?: string | null;
}

/** Who commits: a member of a group under its epoch, or, with the first alone, somebody beside a group without members. */
export interface TransactionGroup {
  readonly group: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly instanceId: string | null;
}

/** What a consumer has handed over, and who it is. */
export interface TransactionOffsets extends TransactionGroup {
  readonly offsets: readonly OffsetInTransaction[];
  /** The transaction is committed. */
  readonly committed: () => void;
}

/** A consumer of a group, as a transaction sees it. */
export interface OffsetSource {
  transactionOffsets(): TransactionOffsets;
}
