/** Every setting that a topic can have. A node's configuration may give another default for any of them. */
import { defineSettings } from '@millrace/base';

const dayMs = 24 * 60 * 60 * 1000;
const maxInt32 = 2 ** 31 - 1;
/** What fits in a frame of the native protocol beside its header and body. */
const maxBatchBytes = 16 * 1024 * 1024 - 64 * 1024;

export const topicSettings = defineSettings({
  'cleanup.policy': {
    type: 'enum',
    default: 'delete',
    allowed: ['delete', 'compact', 'compact,delete', 'delete,compact'],
    scope: 'topic',
    text: 'How old records go: "delete" drops segments beyond the retention, "compact" keeps the last record of each key.',
  },
  'compression.type': {
    type: 'enum',
    default: 'producer',
    allowed: ['producer'],
    scope: 'topic',
    text: 'Batches are kept as the producer compressed them; the broker does not compress again.',
  },
  'delete.retention.ms': {
    type: 'integer',
    default: dayMs,
    min: 0,
    unit: 'ms',
    scope: 'topic',
    text: 'How long a compacted topic keeps a tombstone, so that readers who lag can see the deletion.',
  },
  durability: {
    type: 'enum',
    default: 'fsync',
    allowed: ['fsync', 'replicated'],
    scope: 'topic',
    text:
      'What an acknowledgement means: "fsync", synced to disk on min.insync.replicas; "replicated", only in the memory of ' +
      'min.insync.replicas, lost when they all lose power.',
  },
  'follower.replication.throttled.rate': {
    type: 'integer',
    default: -1,
    min: -1,
    unit: 'bytes',
    scope: 'topic',
    text: 'Bytes a second that a node fetches for its replicas of the topic that are not in sync; -1: no limit. Replicas in sync are never held up.',
  },
  'index.interval.bytes': {
    type: 'integer',
    default: 4096,
    min: 0,
    max: maxInt32,
    unit: 'bytes',
    scope: 'topic',
    text: 'Bytes of batches between two entries of the offset and time indexes.',
  },
  'leader.replication.throttled.rate': {
    type: 'integer',
    default: -1,
    min: -1,
    unit: 'bytes',
    scope: 'topic',
    text: 'Bytes a second that a node sends to replicas of the topic that are not in sync; -1: no limit. Replicas in sync are never held up.',
  },
  'max.message.bytes': {
    type: 'integer',
    default: 1024 * 1024 + 12,
    min: 0,
    max: maxBatchBytes,
    unit: 'bytes',
    scope: 'topic',
    text: 'The largest record batch that is accepted.',
  },
  'message.timestamp.after.max.ms': {
    type: 'integer',
    default: 60 * 60 * 1000,
    min: 0,
    unit: 'ms',
    scope: 'topic',
    text: 'How far a record’s timestamp may be ahead of the broker’s clock.',
  },
  'message.timestamp.before.max.ms': {
    type: 'integer',
    default: Number.MAX_SAFE_INTEGER,
    min: 0,
    unit: 'ms',
    scope: 'topic',
    text: 'How far a record’s timestamp may be behind the broker’s clock.',
  },
  'message.timestamp.type': {
    type: 'enum',
    default: 'CreateTime',
    allowed: ['CreateTime', 'LogAppendTime'],
    scope: 'topic',
    text: 'Whose time a record carries: the producer’s, or the broker’s when it is appended.',
  },
  'min.cleanable.dirty.ratio': {
    type: 'number',
    default: 0.5,
    min: 0,
    max: 1,
    unit: 'ratio',
    scope: 'topic',
    text: 'Compaction runs once at least this share of the log has not been compacted yet.',
  },
  'min.insync.replicas': {
    type: 'integer',
    default: 1,
    min: 1,
    max: maxInt32,
    unit: 'count',
    scope: 'topic',
    text:
      'Replicas that must have a record before it is acknowledged with acks=all. When nobody sets it: 2 with a replication ' +
      'factor of 3 or more, else 1.',
  },
  'retention.bytes': {
    type: 'integer',
    default: -1,
    min: -1,
    unit: 'bytes',
    scope: 'topic',
    text: 'Size of a partition above which its oldest segments are dropped; -1: no limit.',
  },
  'retention.ms': {
    type: 'integer',
    default: 7 * dayMs,
    min: -1,
    unit: 'ms',
    scope: 'topic',
    text: 'Age at which records are dropped; -1: never.',
  },
  'segment.bytes': {
    type: 'integer',
    default: 1024 * 1024 * 1024,
    min: 14,
    max: maxInt32,
    unit: 'bytes',
    scope: 'topic',
    text: 'Size at which a new segment file is begun. Retention and compaction work on whole segments.',
  },
  'segment.ms': {
    type: 'integer',
    default: 7 * dayMs,
    min: 1,
    unit: 'ms',
    scope: 'topic',
    text: 'Age at which a new segment file is begun even when the last one is not full.',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    default: false,
    scope: 'topic',
    text: 'Whether a replica that may lack acknowledged records can become the leader when no other is left. Loses data.',
  },
});

export type TopicSettingKey = keyof typeof topicSettings;

export function isTopicSetting(key: string): key is TopicSettingKey {
  return Object.hasOwn(topicSettings, key);
}
