/** Settings of consumer groups, with Kafka's names, and what they mean to the broker. */
import { defineSettings, type SettingValues } from '@millrace/base';
import { defaultGroupSettings, type GroupSettings } from '@millrace/broker';

const minuteMs = 60_000;

export const groupSettings = defineSettings({
  'group.consumer.heartbeat.interval.ms': {
    type: 'integer',
    default: 5_000,
    min: 50,
    max: 10 * minuteMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'How often members of a group send a heartbeat. The answer may be held for so long, until there is news.',
  },
  'group.consumer.max.size': {
    type: 'integer',
    default: 10_000,
    min: 1,
    max: 100_000,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Members that one group may have.',
  },
  'group.consumer.session.timeout.ms': {
    type: 'integer',
    default: 45_000,
    min: 200,
    max: 60 * minuteMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'A member that is silent for so long is put out of its group: several heartbeat intervals.',
  },
  'offset.metadata.max.bytes': {
    type: 'integer',
    default: 4096,
    min: 0,
    max: 4096,
    unit: 'bytes',
    scope: 'node',
    restart: true,
    text: 'Longest text that can be committed with an offset.',
  },
  'offsets.retention.check.interval.ms': {
    type: 'integer',
    default: 10 * minuteMs,
    min: 100,
    max: 24 * 60 * minuteMs,
    unit: 'ms',
    scope: 'node',
    restart: true,
    text: 'How often a node looks for offsets that have expired.',
  },
  'offsets.retention.minutes': {
    type: 'integer',
    default: 7 * 24 * 60,
    min: 1,
    max: 2 ** 31 - 1,
    scope: 'node',
    restart: true,
    text: 'How long committed offsets are kept after their group has lost its last member. Those of a group with members are kept.',
  },
  'offsets.topic.num.partitions': {
    type: 'integer',
    default: 16,
    min: 1,
    max: 1000,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Partitions of __consumer_offsets when it is created: so many nodes at most share the work of coordinating groups.',
  },
  'offsets.topic.replication.factor': {
    type: 'integer',
    default: 0,
    min: 0,
    max: 64,
    unit: 'count',
    scope: 'node',
    restart: true,
    text: 'Copies of __consumer_offsets when it is created; 0: as many as there are brokers, up to 3.',
  },
  'offsets.topic.segment.bytes': {
    type: 'integer',
    default: 100 * 1024 * 1024,
    min: 1024 * 1024,
    max: 2 ** 31 - 1,
    unit: 'bytes',
    scope: 'node',
    restart: true,
    text: 'Segment size of __consumer_offsets when it is created: what is not compacted yet is read by a new coordinator.',
  },
});

/** `voters`: of the cluster; 0 for a node alone. Each is a broker too, and the topic waits for them, up to its copies. */
export function groupSettingsOf(values: SettingValues<typeof groupSettings>, voters: number): GroupSettings {
  const copies = values['offsets.topic.replication.factor'];
  return {
    ...defaultGroupSettings,
    topic: {
      ...defaultGroupSettings.topic,
      partitions: values['offsets.topic.num.partitions'],
      replicationFactor: copies === 0 ? -1 : copies,
      minBrokers: copies === 0 ? Math.max(1, Math.min(3, voters)) : copies,
      segmentBytes: values['offsets.topic.segment.bytes'],
    },
    sessionTimeoutMs: values['group.consumer.session.timeout.ms'],
    heartbeatIntervalMs: values['group.consumer.heartbeat.interval.ms'],
    tickMs: Math.max(20, Math.min(500, Math.ceil(values['group.consumer.session.timeout.ms'] / 20))),
    maxMembers: values['group.consumer.max.size'],
    offsetsRetentionMs: values['offsets.retention.minutes'] * minuteMs,
    offsetsCheckMs: values['offsets.retention.check.interval.ms'],
    maxOffsetMetadataBytes: values['offset.metadata.max.bytes'],
  };
}
