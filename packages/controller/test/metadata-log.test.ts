import { MillraceError } from '@millrace/base';
import type { KnownMetadataRecord } from '@millrace/controller/image';
import { ManualClock } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { MetadataLog } from '../src/metadata-log.js';
import { MemoryPartitionLog } from './memory-partition-log.js';
import { partitionImage } from './partition-image.js';

const ids = (nextProducerId: number): KnownMetadataRecord => ({ type: 'producer-ids', version: 0, nextProducerId });

async function replayed(log: MetadataLog, from = 0): Promise<string[]> {
  const seen: string[] = [];
  const end = await log.replay(from, (record, position) => {
    seen.push(`${position} ${record.type === 'producer-ids' ? record.nextProducerId : record.type}`);
  });
  expect(end).toBe(log.endPosition);
  return seen;
}

test('one decision is one batch, and comes back in order from any position', async () => {
  const partition = new MemoryPartitionLog();
  const log = new MetadataLog(partition.asLog(), new ManualClock());
  expect(log.append([ids(1), ids(2), ids(3)])).toBe(3);
  expect(log.append([ids(4)])).toBe(4);
  expect(partition.batchCount).toBe(2);
  expect(log.committedPosition).toBe(0);
  expect(await replayed(log)).toEqual(['0 1', '1 2', '2 3', '3 4']);
  expect(log.committedPosition).toBe(4);
  expect(await replayed(log, 2)).toEqual(['2 3', '3 4']);
  expect(await replayed(log, 4)).toEqual([]);
});

test('a replay reads on over many reads', async () => {
  const log = new MetadataLog(new MemoryPartitionLog().asLog(), new ManualClock());
  for (let batch = 0; batch < 12; batch += 1) {
    log.append(Array.from({ length: 5000 }, (_, index) => ids(batch * 5000 + index)));
  }
  let inOrder = 0;
  await log.replay(0, (record, position) => {
    if (record.type === 'producer-ids' && record.nextProducerId === position) inOrder += 1;
  });
  expect(inOrder).toBe(60_000);
});

test('committed waits for a sync that began after the append', async () => {
  const partition = new MemoryPartitionLog();
  const log = new MetadataLog(partition.asLog(), new ManualClock());
  partition.isHoldingSyncs = true;
  log.append([ids(1)]);
  let ended = 0;
  void log.committed(1).then(() => (ended += 1));
  log.append([ids(2)]);
  void log.committed(2).then(() => (ended += 1));
  void log.barrier().then(() => (ended += 1));
  await Promise.resolve();
  expect(ended).toBe(0);
  partition.releaseSyncs();
  await log.committed(2);
  await Promise.resolve();
  expect(ended).toBe(3);
});

test('a sync that fails rejects whoever waits for it', async () => {
  const partition = new MemoryPartitionLog();
  const log = new MetadataLog(partition.asLog(), new ManualClock());
  log.append([ids(1)]);
  partition.failNextSync = new MillraceError('KAFKA_STORAGE_ERROR', 'the disk is gone');
  await expect(log.committed(1)).rejects.toThrow('the disk is gone');
});

test('a decision too large for a batch is refused and writes nothing', () => {
  const log = new MetadataLog(new MemoryPartitionLog().asLog(), new ManualClock());
  const topicId = 'A'.repeat(22);
  const partition = partitionImage();
  const partitions = Array.from({ length: 20_000 }, (_, index) => ({ ...partition, partition: index }));
  const record: KnownMetadataRecord = { type: 'partitions', version: 0, topicId, partitions };
  expect(() => log.append(Array.from({ length: 12 }, () => record))).toThrow(
    expect.objectContaining({ code: 'POLICY_VIOLATION' }),
  );
  expect(log.endPosition).toBe(0);
});
