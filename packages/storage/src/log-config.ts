/**
 * What a topic's configuration means to one partition's log. Names and defaults are those of Kafka's topic settings
 * (`segment.bytes` is `segmentBytes`), so that a user's knowledge of one holds for the other.
 */
export type CleanupPolicy = 'delete' | 'compact' | 'compact,delete';

export type TimestampType = 'CreateTime' | 'LogAppendTime';

export interface LogConfig {
  /** A segment is closed and a new one begun before it would grow past this. */
  readonly segmentBytes: number;
  /** A segment older than this is closed at the next append, so that retention and compaction can reach it. */
  readonly segmentMs: number;
  /** Bytes of batches between two entries of the sparse indexes. */
  readonly indexIntervalBytes: number;
  /** Age at which records may go; -1 keeps them for ever. */
  readonly retentionMs: number;
  /** Size above which the oldest segments may go; -1 sets no limit. */
  readonly retentionBytes: number;
  readonly cleanup: CleanupPolicy;
  /** The largest record batch that an append takes. */
  readonly maxMessageBytes: number;
  readonly timestampType: TimestampType;
  /** How long a compacted log keeps a tombstone, so that readers who lag can see the deletion. */
  readonly deleteRetentionMs: number;
  /** Compaction runs once at least this share of a log's bytes has not been compacted yet. */
  readonly minCleanableDirtyRatio: number;
  /** How far a record's timestamp may be ahead of the broker's clock. */
  readonly messageTimestampAfterMaxMs: number;
  /** How far a record's timestamp may be behind the broker's clock. */
  readonly messageTimestampBeforeMaxMs: number;
  /** How long an idle producer's sequence numbers are remembered, by the broker's clock. */
  readonly producerIdExpirationMs: number;
}

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;

export const defaultLogConfig: LogConfig = {
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 7 * dayMs,
  indexIntervalBytes: 4096,
  retentionMs: 7 * dayMs,
  retentionBytes: -1,
  cleanup: 'delete',
  maxMessageBytes: 1024 * 1024 + 12,
  timestampType: 'CreateTime',
  deleteRetentionMs: dayMs,
  minCleanableDirtyRatio: 0.5,
  messageTimestampAfterMaxMs: hourMs,
  messageTimestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  producerIdExpirationMs: dayMs,
};

export function isCompacted(config: Pick<LogConfig, 'cleanup'>): boolean {
  return config.cleanup !== 'delete';
}

export function isDeleted(config: Pick<LogConfig, 'cleanup'>): boolean {
  return config.cleanup !== 'compact';
}
