/** Which value each setting of a topic has, and who gave it: the topic, else the node, else the default. */
import { formatSetting, MillraceError, parseSetting, type Setting, type SettingValues } from '@millrace/base';
import type { CleanupPolicy, LogConfig } from '@millrace/storage';
import type { TopicImage } from './metadata-image.js';
import { topicSettings } from './topic-settings.js';

/** Text by key, of any of the topic settings: what the node's configuration says. */
export type NodeDefaults = Readonly<Record<string, string>>;

export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
  readonly source: 'topic' | 'node' | 'default';
}

export type TopicConfigValues = SettingValues<typeof topicSettings>;

export interface EffectiveTopicConfig {
  readonly values: TopicConfigValues;
  /** By key. */
  readonly entries: readonly ConfigEntry[];
}

/** A topic with at least three copies goes on without one of them, and still has two of each record. */
const replicatedMinInsyncReplicas = 2;

export function effectiveTopicConfig(
  topic: Pick<TopicImage, 'configs' | 'partitions'>,
  nodeDefaults: NodeDefaults,
): EffectiveTopicConfig {
  return resolved({ configs: topic.configs, copies: copiesOf(topic) }, nodeDefaults);
}

/** Of a topic that may not exist yet. */
export function topicConfigValues(topic: ConfiguredTopic, nodeDefaults: NodeDefaults): TopicConfigValues {
  return resolved(topic, nodeDefaults).values;
}

interface ConfiguredTopic {
  readonly configs: ReadonlyMap<string, string>;
  /** Of each partition. */
  readonly copies: number;
}

function resolved(topic: ConfiguredTopic, nodeDefaults: NodeDefaults): EffectiveTopicConfig {
  const values: Record<string, unknown> = {};
  const entries: ConfigEntry[] = [];
  for (const setting of Object.values<Setting>(topicSettings)) {
    const found =
      valueFrom('topic', setting, topic.configs.get(setting.key)) ??
      valueFrom('node', setting, Object.hasOwn(nodeDefaults, setting.key) ? nodeDefaults[setting.key] : undefined) ??
      defaultOf(setting, topic.copies);
    values[setting.key] = found.value;
    entries.push({ key: setting.key, value: formatSetting(found.value), source: found.source });
  }
  return { values: values as TopicConfigValues, entries: entries.sort((a, b) => (a.key < b.key ? -1 : 1)) };
}

/** What the settings mean to the logs of the topic's partitions. */
export function logConfigOf(values: TopicConfigValues, producerIdExpirationMs: number): LogConfig {
  return {
    segmentBytes: values['segment.bytes'],
    segmentMs: values['segment.ms'],
    indexIntervalBytes: values['index.interval.bytes'],
    retentionMs: values['retention.ms'],
    retentionBytes: values['retention.bytes'],
    cleanup: cleanupOf(values['cleanup.policy']),
    maxMessageBytes: values['max.message.bytes'],
    timestampType: values['message.timestamp.type'],
    deleteRetentionMs: values['delete.retention.ms'],
    minCleanableDirtyRatio: values['min.cleanable.dirty.ratio'],
    messageTimestampAfterMaxMs: values['message.timestamp.after.max.ms'],
    messageTimestampBeforeMaxMs: values['message.timestamp.before.max.ms'],
    producerIdExpirationMs,
  };
}

/** What is being filled by a reassignment does not count yet. */
export function copiesOf({ partitions: [first] }: Pick<TopicImage, 'partitions'>): number {
  return first === undefined ? 1 : first.replicas.length - first.adding.length;
}

type Value = Setting['default'];

function valueFrom<Source extends 'topic' | 'node'>(source: Source, setting: Setting, text: string | undefined) {
  if (text === undefined) return undefined;
  try {
    return { source, value: parseSetting<Setting>(setting, text) };
  } catch (error) {
    // Checked before it was stored: only a release with other bounds can have written it. Its default serves then.
    if (error instanceof MillraceError && error.code === 'INVALID_CONFIG') return undefined;
    throw error;
  }
}

function defaultOf(setting: Setting, replicationFactor: number): { source: 'default'; value: Value } {
  const isReplicated = setting.key === 'min.insync.replicas' && replicationFactor >= 3;
  return { source: 'default', value: isReplicated ? replicatedMinInsyncReplicas : setting.default };
}

function cleanupOf(policy: TopicConfigValues['cleanup.policy']): CleanupPolicy {
  return policy === 'delete,compact' ? 'compact,delete' : policy;
}
