import type { RandomStream } from '@millrace/base';
import { seededRandom } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import {
  murmur2Partitioner,
  rangePartitioner,
  roundRobinPartitioner,
  stickyPartitioner,
  type PartitionerTopic,
} from '../src/partitioner.js';

const random = (): RandomStream => seededRandom(1).stream('partitioner');

class Topic implements PartitionerTopic {
  readonly name = 'orders';
  partitionCount: number;
  available: readonly number[];
  closedBatches = 0;

  constructor(partitionCount: number, available = Array.from({ length: partitionCount }, (_, index) => index)) {
    this.partitionCount = partitionCount;
    this.available = available;
  }
}

describe('murmur2 partitioner', () => {
  test('keeps one key on one partition and spreads keys evenly', () => {
    const partition = murmur2Partitioner(random());
    const topic = new Topic(8);
    const counts = new Array<number>(8).fill(0);
    for (let i = 0; i < 8000; i++) {
      const chosen = partition(topic, `customer-${i}`, null);
      expect(partition(topic, Buffer.from(`customer-${i}`), null)).toBe(chosen);
      counts[chosen]! += 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });

  test('uses a partition without a leader for its keys, so that a key never moves', () => {
    const partition = murmur2Partitioner(random());
    const all = new Topic(4);
    const few = new Topic(4, [1]);
    for (let i = 0; i < 100; i++) expect(partition(few, `k${i}`, null)).toBe(partition(all, `k${i}`, null));
  });

  test('sticks to a partition for records without a key until a batch is closed', () => {
    const partition = murmur2Partitioner(random());
    const topic = new Topic(3);
    const first = partition(topic, null, null);
    for (let i = 0; i < 10; i++) expect(partition(topic, null, null)).toBe(first);
    topic.closedBatches += 1;
    expect(partition(topic, null, null)).not.toBe(first);
  });
});

describe('sticky partitioner', () => {
  test('gives every partition its share', () => {
    const partition = stickyPartitioner(random());
    const topic = new Topic(5);
    const counts = new Array<number>(5).fill(0);
    for (; topic.closedBatches < 5000; topic.closedBatches++) counts[partition(topic, 'ignored', null)]! += 1;
    for (const count of counts) expect(count).toBeGreaterThan(800);
  });

  test('chooses among partitions that have a leader', () => {
    const partition = stickyPartitioner(random());
    const topic = new Topic(5, [3, 4]);
    const seen = new Set<number>();
    for (; topic.closedBatches < 100; topic.closedBatches++) seen.add(partition(topic, null, null));
    expect(seen).toEqual(new Set([3, 4]));
  });

  test('leaves a choice that the topic has outgrown', () => {
    const partition = stickyPartitioner(random());
    const small = new Topic(1);
    expect(partition(small, null, null)).toBe(0);
    const grown = new Topic(20);
    expect(partition(grown, null, null)).not.toBe(0);
  });
});

test('round robin takes each available partition in turn', () => {
  const partition = roundRobinPartitioner();
  const topic = new Topic(4, [0, 2, 3]);
  expect([1, 2, 3, 4, 5].map(() => partition(topic, 'k', null))).toEqual([0, 2, 3, 0, 2]);
});

test('range keeps keys between the same boundaries together, byte by byte', () => {
  const partition = rangePartitioner(['g', 'n', Buffer.from([0x74])]);
  const topic = new Topic(4);
  const chosen = ['', 'a', 'g', 'm~', 'n', 's', 't', 'zz', Buffer.from('g')].map((key) => partition(topic, key, null));
  expect(chosen).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 1]);
  expect(partition(topic, null, null)).toBe(0);
  expect(partition(new Topic(2), 'zz', null), 'fewer partitions than ranges: the last takes the rest').toBe(1);
});
