/**
 * What the clients of a run asked for and what they were told: all that the history checks may look at.
 *
 * A value is sent once in a run, so it names one attempt. The outcome of a send is
 * - `ok`: acknowledged;
 * - `failed`: it never left the client, so it must not be in any log;
 * - `unknown`: it may or may not be in the log;
 * - `pending`: nobody has said anything yet.
 */
import { GroupHistory } from './group-history.js';
import { TransactionHistory } from './transaction-history.js';

export type SendOutcome = 'pending' | 'ok' | 'failed' | 'unknown';

export interface Send {
  readonly value: string;
  /** One life of one producer. */
  readonly producer: string;
  /** In which order the producer was given its records. */
  readonly order: number;
  readonly topic: string;
  readonly acks: 'all' | 1 | 0;
  readonly idempotent: boolean;
  readonly invokedMs: number;
  /** When the promise must have been settled. */
  readonly deadlineMs: number;
  /** -1 as long as nobody said. */
  partition: number;
  offset: number;
  outcome: SendOutcome;
  endedMs: number;
  error: string | undefined;
}

/** A record that a consumer got. */
export interface Read {
  /** One life of one consumer: its reads of a partition are in the order in which it got them. */
  readonly consumer: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
  readonly readMs: number;
  /** As the node told it with the record. */
  readonly highWatermark: number;
}

/** The answer to "what is the next offset?". */
export interface LatestAnswer {
  readonly client: string;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly invokedMs: number;
  readonly endedMs: number;
}

/** Records below `beforeOffset` may be gone from `invokedMs` on, and are gone for good from `endedMs` on when it is ok. */
export interface Deletion {
  readonly topic: string;
  readonly partition: number;
  /** Infinity when the high watermark of that moment was meant. */
  readonly beforeOffset: number;
  readonly invokedMs: number;
  endedMs: number;
  isOk: boolean;
  logStartOffset: number;
}

/** A topic of this name was deleted: what was in it before must not come back. */
export interface TopicEnd {
  readonly topic: string;
  readonly invokedMs: number;
  endedMs: number;
}

/** All of a partition, read from its beginning to its end while nothing else happened. */
export interface Drain {
  readonly label: string;
  readonly topic: string;
  readonly partition: number;
  readonly startOffset: number;
  readonly endOffset: number;
  readonly records: readonly DrainedRecord[];
}

export interface DrainedRecord {
  readonly offset: number;
  readonly value: string;
  readonly timestampMs: number;
}

export interface TimeLookup {
  /** Of the drain it belongs to. */
  readonly label: string;
  readonly topic: string;
  readonly partition: number;
  readonly timestampMs: number;
  /** -1: nothing that young. */
  readonly offset: number;
}

/** A call that a client made, and what came of it. */
export interface Call {
  readonly client: string;
  readonly text: string;
  readonly invokedMs: number;
  readonly deadlineMs: number;
  /** Infinity as long as it is not answered. */
  endedMs: number;
  error: string | undefined;
}

/** A consumer that stopped although nobody told it to. */
export interface ReadFailure {
  readonly consumer: string;
  readonly topic: string | undefined;
  readonly code: string;
  readonly message: string;
  readonly failedMs: number;
}

export class History {
  readonly sends: Send[] = [];
  readonly reads: Read[] = [];
  readonly latest: LatestAnswer[] = [];
  readonly deletions: Deletion[] = [];
  readonly topicEnds: TopicEnd[] = [];
  /** In the order in which they were made. */
  readonly drains: Drain[] = [];
  readonly lookups: TimeLookup[] = [];
  readonly calls: Call[] = [];
  readonly readFailures: ReadFailure[] = [];
  readonly groups = new GroupHistory();
  readonly transactions = new TransactionHistory();

  /** The drains of one label, by partition. */
  drainsOf(label: string): Drain[] {
    return this.drains.filter((drain) => drain.label === label);
  }
}

export function partitionLabel({ topic, partition }: { readonly topic: string; readonly partition: number }): string {
  return `${topic}-${partition}`;
}
