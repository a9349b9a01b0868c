import { errorCode } from '@millrace/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MetadataCache } from '../src/metadata-cache.js';
import { metadata, missingTopic, ordersId, topicEntry } from './scripted-server.js';

const otherId = 'BBBBBBBBBBBBBBBBBBBBBA';

test('within one topic id, leader epochs and partition counts never go back, in whatever order replies come', () => {
  const replies = fc.array(
    fc.array(fc.record({ leader: fc.nat(3), leaderEpoch: fc.nat(5) }), { minLength: 1, maxLength: 4 }),
    { maxLength: 12 },
  );
  fc.assert(
    fc.property(replies, (history) => {
      const cache = new MetadataCache();
      const highest: number[] = [];
      for (const partitions of history) {
        cache.update(metadata({ topics: [topicEntry('orders', partitions)] }), 0);
        for (const [index, { leaderEpoch }] of partitions.entries()) {
          highest[index] = Math.max(highest[index] ?? -1, leaderEpoch);
        }
        expect(cache.topic('orders')?.partitions.map(({ leaderEpoch }) => leaderEpoch)).toEqual(highest);
        expect(cache.topic('orders')?.partitions.map(({ partition }) => partition)).toEqual([...highest.keys()]);
      }
    }),
  );
});

test('a topic created again starts anew, and its old id is forgotten', () => {
  const cache = new MetadataCache();
  cache.update(metadata({ topics: [topicEntry('orders', [{ leader: 1, leaderEpoch: 9 }])] }), 1);
  cache.update(metadata({ topics: [topicEntry('orders', [{ leader: 2, leaderEpoch: 0 }], { topicId: otherId })] }), 2);
  expect(cache.topic('orders')?.partitions[0]).toMatchObject({ leader: 2, leaderEpoch: 0 });
  expect(cache.topicById(ordersId)).toBeUndefined();
  expect(cache.topicById(otherId)?.name).toBe('orders');
  expect(cache.updatedMs('orders')).toBe(2);
});

test('a node that lags behind brings back no topic that was created again, and takes none away', () => {
  const cache = new MetadataCache();
  const again = topicEntry('orders', [{ leader: 2, leaderEpoch: 0 }], { topicId: otherId });
  cache.update(metadata({ metadataPosition: 20, topics: [again] }), 1);
  const old = topicEntry('orders', [{ leader: 1, leaderEpoch: 9 }]);
  cache.update(metadata({ metadataPosition: 19, topics: [old] }), 2);
  cache.update(metadata({ metadataPosition: 10, topics: [missingTopic('orders')] }), 3);
  expect(cache.topic('orders')?.topicId).toBe(otherId);
  expect(cache.topicById(ordersId)).toBeUndefined();
  cache.update(metadata({ metadataPosition: 20, topics: [missingTopic('orders')] }), 4);
  expect(cache.topic('orders')).toBeUndefined();
});

test('another cluster at the same addresses begins anew, however short its history is', () => {
  const cache = new MetadataCache();
  cache.update(metadata({ metadataPosition: 20, topics: [topicEntry('orders', [{ leader: 1, leaderEpoch: 9 }])] }), 1);
  const other = topicEntry('orders', [{ leader: 1, leaderEpoch: 0 }], { topicId: otherId });
  cache.update(metadata({ clusterId: 'another', metadataPosition: 3, topics: [other] }), 2);
  expect(cache.topic('orders')?.topicId).toBe(otherId);
});

test('a topic that the cluster does not know is forgotten; any other error leaves what was known', () => {
  const cache = new MetadataCache();
  cache.update(metadata({ topics: [topicEntry('orders', [{ leader: 1, leaderEpoch: 9 }])] }), 1);
  cache.update(metadata({ topics: [{ ...missingTopic('orders'), error: 5 }] }), 2);
  expect(cache.topic('orders')?.topicId).toBe(ordersId);
  cache.update(metadata({ topics: [missingTopic('orders')] }), 3);
  expect(cache.topic('orders')).toBeUndefined();
  expect(cache.topicById(ordersId)).toBeUndefined();
});

test('partitions may come in any order, but not with gaps', () => {
  const cache = new MetadataCache();
  const entry = topicEntry('orders', [
    { leader: 1, leaderEpoch: 0 },
    { leader: 2, leaderEpoch: 0 },
  ]);
  cache.update(metadata({ topics: [{ ...entry, partitions: [...entry.partitions].reverse() }] }), 0);
  expect(cache.topic('orders')?.partitions.map(({ leader }) => leader)).toEqual([1, 2]);
  const gap = metadata({ controllerId: 7, topics: [{ ...entry, partitions: entry.partitions.slice(1) }] });
  let error: unknown;
  try {
    cache.update(gap, 0);
  } catch (caught) {
    error = caught;
  }
  expect(errorCode(error)).toBe('INVALID_RESPONSE');
  expect(cache.controllerId).toBe(1);
});

test('topics beyond the limit push out the one that was updated longest ago', () => {
  const cache = new MetadataCache();
  const nameOf = (index: number): string => `topic-${index}`;
  const idOf = (index: number): string => `${index}`.padStart(22, 'A');
  for (let index = 0; index < 10_000; index += 1) {
    cache.update(metadata({ topics: [topicEntry(nameOf(index), [], { topicId: idOf(index) })] }), index);
  }
  cache.update(metadata({ topics: [topicEntry(nameOf(0), [], { topicId: idOf(0) })] }), 20_000);
  cache.update(metadata({ topics: [topicEntry('one-more', [], { topicId: idOf(99_999) })] }), 20_001);
  expect(cache.topic(nameOf(1))).toBeUndefined();
  expect(cache.topicById(idOf(1))).toBeUndefined();
  expect(cache.topic(nameOf(0))?.name).toBe(nameOf(0));
  expect(cache.topicNames).toHaveLength(10_000);
});
