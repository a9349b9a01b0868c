import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { murmur2 } from '../src/murmur2.js';
import { toPositive } from '../src/partitioner.js';

type KafkajsPartition = (input: {
  topic: string;
  partitionMetadata: { partitionId: number; leader: number }[];
  message: { key: Buffer | null };
}) => number;

const require = createRequire(import.meta.url);
const kafkajsMurmur2 = require('kafkajs/src/producer/partitioners/default/murmur2') as (key: Buffer) => number;
const kafkajsPartition = kafkajs.Partitioners.DefaultPartitioner() as unknown as KafkajsPartition;

test('hashes as the test vectors of Kafka’s own client', () => {
  // From UtilsTest.testMurmur2 of the Java client.
  const vectors: [string, number][] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  expect(vectors.map(([key]) => murmur2(key))).toEqual(vectors.map(([, hash]) => hash));
});

test('hashes every key as kafkajs does', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (key) => {
      expect(murmur2(key)).toBe(kafkajsMurmur2(Buffer.from(key)));
    }),
    { numRuns: 300 },
  );
});

test('hashes a string that is longer than any before it', () => {
  const key = 'ключ'.repeat(2000);
  expect(murmur2(key)).toBe(kafkajsMurmur2(Buffer.from(key)));
});

test('puts every string key on the partition where kafkajs puts it', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 1, max: 50 }), (key, count) => {
      const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({ partitionId, leader: 1 }));
      const theirs = kafkajsPartition({ topic: 't', partitionMetadata, message: { key: Buffer.from(key) } });
      expect(toPositive(murmur2(key)) % count).toBe(theirs);
    }),
    { numRuns: 500 },
  );
});
