import type { Environment } from '@millrace/base';

export interface AdminOptions {
  /** `host:port` of any nodes of the cluster, as a list or separated by commas. */
  readonly bootstrap: string | readonly string[];
  readonly clientId?: string;
  /** How long a call may take, retries included (30 s). */
  readonly requestTimeoutMs?: number;
  readonly retryBackoffMs?: number;
  readonly retryBackoffMaxMs?: number;
  /** Time, randomness and network; those of Node by default. */
  readonly environment?: Environment;
}

/** What every call takes. */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /** Instead of the client's `requestTimeoutMs`. */
  readonly timeoutMs?: number;
}

export interface NewTopic {
  readonly name: string;
  /** The cluster's `num.partitions` when absent. */
  readonly partitions?: number;
  /** The smaller of 3 and the number of brokers when absent. */
  readonly replicationFactor?: number;
  readonly configs?: Readonly<Record<string, string>>;
}

export interface ConfigChanges {
  readonly set?: Readonly<Record<string, string>>;
  /** Settings to take off the topic, so that the node's or the default value holds again. */
  readonly delete?: readonly string[];
}

/** Which offset of a partition: an end, or that of the first record at or after a time. */
export type OffsetQuery = 'earliest' | 'latest' | 'maxTimestamp' | { readonly timestampMs: number };

export interface ListedOffset {
  readonly topic: string;
  readonly partition: number;
  /** -1 when no record is that young. */
  readonly offset: number;
  /** Of the record found; -1 for an end. */
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

export interface DeletedRecords {
  readonly topic: string;
  readonly partition: number;
  readonly logStartOffset: number;
}
