/**
 * The metadata on a disk that loses power: at every operation of a workload of decisions and snapshots, with unsynced
 * bytes kept, lost, torn or random. What was acknowledged is there, and what is there is what some prefix of the
 * decisions made, never half of one.
 */
import { parseSettings } from '@millrace/base';
import { Controller, controllerSettings, metadataTopic } from '@millrace/controller';
import type { MetadataImage } from '@millrace/controller/image';
import { LogDirectory } from '@millrace/storage';
import { ManualClock, recordingLogger, recordingMetrics, seededRandom, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { metadataSnapshotCodec } from '../src/metadata-snapshot-codec.js';

interface Node {
  readonly controller: Controller;
  close(): Promise<void>;
}

async function openNode(disk: SimulatedDisk): Promise<Node> {
  const environment = {
    clock: new ManualClock(),
    logger: recordingLogger(),
    metrics: recordingMetrics(),
    random: seededRandom('node'),
    files: disk.files(),
  };
  const directory = await LogDirectory.open(environment, { path: '/data', nodeId: 1 });
  const { name: topic, partition, topicId, config } = metadataTopic;
  const log = await directory.createLog({ topic, partition, topicId, config });
  const controller = await Controller.open(environment, {
    log,
    nodeId: 1,
    settings: parseSettings(controllerSettings, {}),
    nodeDefaults: {},
    clusterId: directory.clusterId,
    snapshotEveryRecords: 7,
  });
  return {
    controller,
    async close() {
      await controller.close();
      await directory.close();
    },
  };
}

async function startBroker(controller: Controller): Promise<void> {
  const { brokerEpoch } = await controller.registerBroker({
    nodeId: 1,
    incarnationId: 'first',
    directoryId: 'd1',
    cleanStopEpoch: -1,
    roles: ['broker'],
    rack: null,
    hostLabel: null,
    host: 'localhost',
    port: 7400,
  });
  const { metadataOffset } = controller;
  await controller.heartbeat({ nodeId: 1, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
}

function contentsOf(image: MetadataImage): string {
  return `${image.position}: ${[...metadataSnapshotCodec.encode(image)].map((chunk) => Buffer.from(chunk).toString('latin1')).join('|')}`;
}

test('acknowledged changes survive a power cut at any operation, whole', async () => {
  const disk = new SimulatedDisk();
  disk.files().makeDirectory('/data');
  const node = await openNode(disk);
  /** Contents after each decision; when each was acknowledged. */
  const states: string[] = ['0: '];
  const acknowledged: { readonly operations: number; readonly state: number }[] = [];
  node.controller.subscribe((image) => {
    const contents = contentsOf(image);
    if (contents !== states.at(-1)) states.push(contents);
  });
  const noteAcknowledged = (): void => {
    acknowledged.push({ operations: disk.operations.length, state: states.length - 1 });
  };
  await startBroker(node.controller);
  noteAcknowledged();
  for (let i = 0; i < 14; i += 1) {
    const configs = i % 3 === 0 ? [{ key: 'retention.ms', value: String(1000 + i) }] : [];
    const topics = [{ name: `topic${i}`, partitions: 1 + (i % 4), replicationFactor: 1, configs }];
    const creation = node.controller.createTopics({ topics, timeoutMs: 1000, validateOnly: false });
    // Two decisions under way at the same time share a sync.
    const name = i % 4 === 3 ? `topic${i - 1}` : 'missing';
    await node.controller.deleteTopics({ topics: [{ name, topicId: null }], timeoutMs: 1000 });
    await creation;
    noteAcknowledged();
  }
  await node.close();
  expect(
    disk
      .files()
      .list(`/data/${metadataTopic.name}-0`)
      .filter((name) => name.endsWith('.checkpoint')),
  ).toHaveLength(2);

  let points = 0;
  const seen = new Set<number>();
  for (const unsynced of ['kept', 'lost', 'torn', 'random'] as const) {
    const random = seededRandom(`crash ${unsynced}`);
    const stride = unsynced === 'kept' ? 7 : 1;
    for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, { unsynced, random })) {
      if (count % stride !== 0 || after.files().stat('/data') === undefined) continue;
      const again = await openNode(after);
      const state = states.indexOf(contentsOf(again.controller.image));
      const known = acknowledged.findLast(({ operations }) => operations <= count)?.state ?? 0;
      // A crash before the first decision is answered by forming the cluster again, under an id of its own.
      if (known > 0) {
        expect(state, `${unsynced} at ${count}: state ${state}, acknowledged ${known}`).toBeGreaterThanOrEqual(known);
        seen.add(state);
      }
      await again.close();
      points += 1;
    }
  }
  expect(points).toBeGreaterThan(200);
  expect(seen.size).toBeGreaterThan(14);
});
