import { applyMetadataRecord, MetadataImage, metadataDelta, type MetadataRecord } from '@millrace/controller/image';
import { defaultLogConfig, LogDirectory } from '@millrace/storage';
import { Simulation } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { EndOfTurn } from '../src/partition/end-of-turn.js';
import { SyncSchedule } from '../src/partition/sync-schedule.js';
import { Partitions } from '../src/partitions.js';
import { batchOf } from './node-fixture.js';

const firstId = 'AAAAAAAAAAAAAAAAAAAAAA';
const secondId = 'BBBBBBBBBBBBBBBBBBBBBA';
const incarnationId = 'this-process';

/** Node 1, whose disk has `orders-0` of the topic `heldId`, and the images that reach it. */
async function fixture(heldId: string) {
  const simulation = new Simulation({ seed: 1 });
  const environment = simulation.environment('node-1');
  const { clock, logger } = environment;
  const logDirectory = await simulation.complete(
    LogDirectory.open(environment, { path: 'data', nodeId: 1, lowSpaceBytes: 0 }),
  );
  const held = { topic: 'orders', partition: 0, topicId: heldId, config: defaultLogConfig };
  const log = await simulation.complete(logDirectory.createLog(held));
  log.append(batchOf(['acknowledged']), { origin: 'client', leaderEpoch: 0 });
  await simulation.complete(log.sync());
  const partitions = new Partitions({
    nodeId: 1,
    incarnationId,
    logDirectory,
    nodeDefaults: {},
    producerIdExpirationMs: 86_400_000,
    host: {
      nodeId: 1,
      clock,
      logger,
      syncs: new SyncSchedule(clock),
      wakes: new EndOfTurn(clock),
      inSyncChanges: { eligibleEpoch: () => undefined, mayPropose: () => false, submit: () => undefined },
      replicaLagMaxMs: 30_000,
      onReplicaMoved: () => undefined,
      onInSyncSetChanged: () => undefined,
    },
    logger,
    onRole: () => undefined,
  });
  let image = MetadataImage.empty;
  /** The node hears of the image after these records. */
  const hear = async (...records: MetadataRecord[]): Promise<void> => {
    const before = image;
    for (const record of records) image = applyMetadataRecord(image, record, image.position);
    partitions.follow(image, metadataDelta(before, image));
    await simulation.complete(partitions.settled());
  };
  /** The topic that `orders-0` on the disk is of. */
  const held0 = (): string | undefined => logDirectory.log('orders', 0)?.topicId;
  return { hear, held: held0, endOffset: () => logDirectory.log('orders', 0)?.endOffset, partitions };
}

function topic(topicId: string, replicas: readonly number[]): MetadataRecord[] {
  return [{ type: 'topic', version: 0, topicId, name: 'orders' }, placed(topicId, replicas, 0)];
}

function placed(topicId: string, replicas: readonly number[], partitionEpoch: number): MetadataRecord {
  const leader = replicas[0] ?? -1;
  const partition = { partition: 0, leader, leaderEpoch: partitionEpoch, partitionEpoch, replicas: [...replicas] };
  const rest = { isr: [...replicas], elr: [], adding: [], removing: [], minInsyncReplicas: 1 };
  return { type: 'partitions', version: 0, topicId, partitions: [{ ...partition, ...rest }] };
}

const gone = (topicId: string): MetadataRecord => ({ type: 'remove-topic', version: 0, topicId });

const registered: MetadataRecord = {
  type: 'broker',
  version: 0,
  nodeId: 1,
  brokerEpoch: 7,
  incarnationId,
  directoryId: 'directory',
  roles: ['broker'],
  rack: null,
  hostLabel: null,
  host: 'node-1',
  port: 7400,
  internalHost: null,
  internalPort: 0,
};

describe('a node that reads old metadata while it starts', () => {
  test('keeps the log of a topic that had not been created by then, though its name was that of another', async () => {
    const node = await fixture(secondId);
    await node.hear(...topic(firstId, [1]));
    await node.hear(gone(firstId));
    await node.hear(...topic(secondId, [1]));
    await node.hear(registered);
    expect([node.held(), node.endOffset()]).toEqual([secondId, 1]);
    expect(node.partitions.find(secondId, 0)?.log.endOffset).toBe(1);
  });

  test('keeps the log of a partition that moved away then, and came back', async () => {
    const node = await fixture(firstId);
    await node.hear(...topic(firstId, [1]));
    await node.hear(placed(firstId, [2], 1));
    await node.hear(placed(firstId, [2, 1], 2));
    await node.hear(registered);
    expect([node.held(), node.endOffset()]).toEqual([firstId, 1]);
  });

  test('removes what was deleted, or moved away, while it was down', async () => {
    const deleted = await fixture(firstId);
    await deleted.hear(...topic(firstId, [1]));
    await deleted.hear(gone(firstId));
    await deleted.hear(registered);
    expect(deleted.held()).toBeUndefined();
    const moved = await fixture(firstId);
    await moved.hear(...topic(firstId, [1, 2]));
    await moved.hear(placed(firstId, [2], 1));
    await moved.hear(registered);
    expect(moved.held()).toBeUndefined();
  });
});

describe('a log whose name belongs to another topic now', () => {
  test('is removed where the other topic has its replica', async () => {
    const node = await fixture(firstId);
    await node.hear(...topic(secondId, [1]), registered);
    expect([node.held(), node.endOffset()]).toEqual([secondId, 0]);
  });

  test('is removed where the other topic has none', async () => {
    const node = await fixture(firstId);
    await node.hear(...topic(secondId, [2]), registered);
    expect(node.held()).toBeUndefined();
    const later = await fixture(firstId);
    await later.hear(registered);
    expect(later.held(), 'nobody says that it was deleted').toBe(firstId);
    await later.hear(...topic(secondId, [2]));
    expect(later.held()).toBeUndefined();
  });
});
