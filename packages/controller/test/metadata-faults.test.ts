/** The metadata on a disk that is full, or fails a sync. */
import { metadataTopic } from '@millrace/controller';
import { SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { contentsOf, type MetadataNode, openNode } from './metadata-node.js';

function create(node: MetadataNode, name: string) {
  const topics = [{ name, partitions: 3, replicationFactor: 1, configs: [] }];
  return node.controller.createTopics({ topics, timeoutMs: 1000, validateOnly: false });
}

async function start(disk: SimulatedDisk): Promise<MetadataNode> {
  const node = await openNode(disk);
  await node.startBroker();
  await create(node, 'before');
  return node;
}

test('on a full disk changes are refused and leave nothing; with space again they go on', async () => {
  const disk = new SimulatedDisk();
  const node = await start(disk);
  const before = contentsOf(node.controller.image);
  disk.capacityBytes = disk.tree.usedBytes + 20;
  for (let i = 0; i < 3; i += 1) {
    await expect(create(node, `refused${i}`)).rejects.toMatchObject({ code: 'LOG_DISK_FULL', retriable: true });
  }
  expect(contentsOf(node.controller.image)).toBe(before);
  disk.capacityBytes = 2 ** 40;
  expect((await create(node, 'after')).topics[0]?.error).toBe(0);
  const live = contentsOf(node.controller.image);
  disk.endProcess();
  const again = await openNode(disk.crash('lost'));
  expect(contentsOf(again.controller.image)).toBe(live);
  await again.close();
});

test('after a failed sync nothing is acknowledged any more; a restart has all that was', async () => {
  const disk = new SimulatedDisk();
  const node = await start(disk);
  const before = contentsOf(node.controller.image);
  disk.failNext({ operation: 'sync', path: new RegExp(`${metadataTopic.name}.*\\.log$`), code: 'EIO' });
  await expect(create(node, 'doubtful')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  await expect(create(node, 'later')).rejects.toHaveProperty('code');
  await expect(create(node, 'later')).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
  // Only a restart helps: who runs the node hears of it.
  expect(node.failures).toMatchObject([{ code: 'KAFKA_STORAGE_ERROR' }]);
  expect(contentsOf(node.controller.image)).toBe(before);
  disk.endProcess();
  for (const fate of ['kept', 'lost'] as const) {
    const again = await openNode(disk.crash(fate));
    const names = again.controller.image.topicsByName().map(({ name }) => name);
    expect(names.filter((name) => name !== 'doubtful')).toEqual(['before']);
    await again.close();
  }
});

test('a log that fails with nobody writing is told to whoever runs the node', async () => {
  const disk = new SimulatedDisk();
  const node = await start(disk);
  disk.failNext({ operation: 'rename', path: new RegExp(`${metadataTopic.name}.*\\.snapshot`), code: 'EIO' });
  await node.housekeeping();
  expect(node.failures).toMatchObject([{ code: 'KAFKA_STORAGE_ERROR' }]);
});
