import { parseSettings } from '@millrace/base';
import { Controller, controllerSettings, metadataTopic } from '@millrace/controller';
import type { MetadataImage } from '@millrace/controller/image';
import { LogDirectory } from '@millrace/storage';
import { ManualClock, recordingLogger, recordingMetrics, seededRandom, type SimulatedDisk } from '@millrace/testkit';
import { metadataSnapshotCodec } from '../src/metadata-snapshot-codec.js';

/** The part of a node that holds the metadata, on a simulated disk. */
export interface MetadataNode {
  readonly controller: Controller;
  /** What it said when it could not go on. */
  readonly failures: readonly unknown[];
  startBroker(): Promise<void>;
  /** What is done with its log now and then. */
  housekeeping(): Promise<void>;
  close(): Promise<void>;
}

export async function openNode(disk: SimulatedDisk): Promise<MetadataNode> {
  const environment = {
    clock: new ManualClock(),
    logger: recordingLogger(),
    metrics: recordingMetrics(),
    random: seededRandom('node'),
    files: disk.files(),
  };
  const directory = await LogDirectory.open(environment, { path: '/data', nodeId: 1, lowSpaceBytes: 0 });
  const { name: topic, partition, topicId, config } = metadataTopic;
  const log = await directory.createLog({ topic, partition, topicId, config });
  const failures: unknown[] = [];
  const controller = await Controller.open(environment, {
    onFailed: (error) => failures.push(error),
    log,
    nodeId: 1,
    settings: parseSettings(controllerSettings, {}),
    nodeDefaults: {},
    clusterId: directory.clusterId,
    snapshotEveryRecords: 7,
  });
  return {
    controller,
    failures,
    startBroker: () => startBroker(controller),
    housekeeping: () => directory.housekeeping(() => log.endOffset),
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

/** Equal for equal images. */
export function contentsOf(image: MetadataImage): string {
  return `${image.position}: ${[...metadataSnapshotCodec.encode(image)].map((chunk) => Buffer.from(chunk).toString('latin1')).join('|')}`;
}
