import { applyMetadataRecord, type KnownMetadataRecord, MetadataImage } from '@millrace/controller/image';
import { expect, test } from 'vitest';
import { MachineRunner } from '../machine-runner.js';
import { partitionImage } from '../partition-image.js';

test('a record that contradicts the image is a bug, and is not applied', () => {
  const runner = new MachineRunner();
  runner.formCluster();
  const brokerEpoch = runner.startBroker(1);
  const topicId = runner.createTopic('orders').topicId ?? '';
  const partition = partitionImage({ partitionEpoch: 1 });
  const partitions = (change: object): KnownMetadataRecord => ({
    type: 'partitions',
    version: 0,
    topicId,
    partitions: [{ ...partition, ...change }],
  });
  const impossible: KnownMetadataRecord[] = [
    { type: 'cluster', version: 0, clusterId: 'another' },
    { type: 'topic', version: 0, topicId, name: 'payments' },
    { type: 'topic', version: 0, topicId: 'BBBBBBBBBBBBBBBBBBBBBB', name: 'orders' },
    { type: 'remove-topic', version: 0, topicId: 'BBBBBBBBBBBBBBBBBBBBBB' },
    { type: 'broker-state', version: 0, nodeId: 1, brokerEpoch: brokerEpoch + 1, state: 'fenced' },
    { type: 'broker-state', version: 0, nodeId: 2, brokerEpoch, state: 'fenced' },
    partitions({ partitionEpoch: 0 }),
    partitions({ leader: -1 }),
    partitions({ partition: 2 }),
    partitions({ isr: [], elr: [1] }),
    partitions({ elr: [1] }),
  ];
  for (const record of impossible) {
    expect(() => applyMetadataRecord(runner.image, record, runner.image.position), JSON.stringify(record)).toThrow(
      expect.objectContaining({ code: 'ASSERTION_FAILED' }),
    );
  }
  expect(() => applyMetadataRecord(runner.image, impossible[0] as KnownMetadataRecord, 0)).toThrow(
    'is applied to an image',
  );
  expect(MetadataImage.empty.topicCount).toBe(0);
});
