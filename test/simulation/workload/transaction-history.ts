/** What transactional programs asked for, and what they were told. */

/**
 * - `committed`, `aborted`: told so, or never asked for the commit;
 * - `unknown`: the commit was asked for and nobody said what became of it.
 */
export type TransactionOutcome = 'pending' | 'committed' | 'aborted' | 'unknown';

export interface TransactionEntry {
  readonly id: string;
  /** One life of one program. */
  readonly client: string;
  readonly transactionalId: string;
  /** In the order in which they were sent, by partition. */
  readonly writes: { readonly partition: number; readonly value: string }[];
  /** What the program got to read while it was open. */
  readonly reads: { readonly partition: number; readonly value: string }[];
  readonly begunMs: number;
  /** Infinity as long as it was not. */
  commitAskedMs: number;
  endedMs: number;
  outcome: TransactionOutcome;
  error: string | undefined;
}

/** A committed record that somebody read at some time. */
export interface CommittedRead {
  readonly reader: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
  readonly readMs: number;
}

/** A partition as those who read committed records have it in the end. */
export interface CommittedList {
  readonly partition: number;
  readonly records: readonly { readonly offset: number; readonly value: string }[];
}

/** What becomes of a record: it says where it came from. */
export function copyOf(place: { readonly partition: number; readonly offset: number; readonly value: string }): string {
  return `${place.partition}@${place.offset}=${place.value}`;
}

export interface TransactionalProducer {
  readonly transactionalId: string;
  readonly madeMs: number;
  /** Its first request was answered before it was sent again: no copy of that can still be on its way, and replace it. */
  isKnownOnce: boolean;
}

export class TransactionHistory {
  readonly entries: TransactionEntry[] = [];
  /** In the order in which they were made, which is when each began its first transaction. */
  readonly producers: TransactionalProducer[] = [];
  readonly reads: CommittedRead[] = [];
  /** Of the ledger. */
  readonly lists: CommittedList[] = [];
  /** Of what was copied from it. */
  readonly copies: CommittedList[] = [];
  /** Why copiers began anew. */
  readonly copierErrors: string[] = [];
}
