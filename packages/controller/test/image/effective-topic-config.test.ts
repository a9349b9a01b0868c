import { effectiveTopicConfig, logConfigOf, topicSettings } from '@millrace/controller/image';
import { defaultLogConfig } from '@millrace/storage';
import { expect, test } from 'vitest';
import { partitionImage } from '../partition-image.js';

function topic(configs: Record<string, string>, replicationFactor = 1) {
  const replicas = Array.from({ length: replicationFactor }, (_, index) => index);
  const partition = partitionImage({ replicas });
  return { configs: new Map(Object.entries(configs)), partitions: [partition] };
}

const entry = (config: ReturnType<typeof effectiveTopicConfig>, key: string) =>
  config.entries.find((one) => one.key === key);

test('a value comes from the topic, else from the node, else from the default', () => {
  const nodeDefaults = { 'retention.ms': '10', 'segment.ms': '20' };
  const config = effectiveTopicConfig(topic({ 'retention.ms': '5' }), nodeDefaults);
  expect(entry(config, 'retention.ms')).toEqual({ key: 'retention.ms', value: '5', source: 'topic' });
  expect(entry(config, 'segment.ms')).toEqual({ key: 'segment.ms', value: '20', source: 'node' });
  expect(entry(config, 'durability')).toEqual({ key: 'durability', value: 'fsync', source: 'default' });
  expect(config.entries.map(({ key }) => key)).toEqual(Object.keys(topicSettings).sort());
  expect([config.values['retention.ms'], config.values['segment.ms']]).toEqual([5, 20]);
});

test('two in-sync replicas are asked for from three copies on, unless somebody says otherwise', () => {
  const minInsync = (configs: Record<string, string>, copies: number, node: Record<string, string> = {}): number =>
    effectiveTopicConfig(topic(configs, copies), node).values['min.insync.replicas'];
  expect([1, 2, 3, 5].map((copies) => minInsync({}, copies))).toEqual([1, 1, 2, 2]);
  expect(minInsync({ 'min.insync.replicas': '3' }, 3)).toBe(3);
  expect(minInsync({}, 3, { 'min.insync.replicas': '1' })).toBe(1);
});

test('a value that this release does not allow gives way to the next source', () => {
  const config = effectiveTopicConfig(topic({ durability: 'quantum', 'retention.ms': '-7' }), { 'retention.ms': '9' });
  expect(entry(config, 'durability')).toEqual({ key: 'durability', value: 'fsync', source: 'default' });
  expect(entry(config, 'retention.ms')).toEqual({ key: 'retention.ms', value: '9', source: 'node' });
});

test('the defaults are those of the storage engine', () => {
  const { values } = effectiveTopicConfig(topic({}), {});
  expect(logConfigOf(values, defaultLogConfig.producerIdExpirationMs)).toEqual(defaultLogConfig);
});

test('both spellings of compaction with deletion mean the same', () => {
  for (const policy of ['compact,delete', 'delete,compact']) {
    const { values } = effectiveTopicConfig(topic({ 'cleanup.policy': policy }), {});
    expect(logConfigOf(values, 1).cleanup).toBe('compact,delete');
  }
});
