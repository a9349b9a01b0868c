import { MillraceError } from '@millrace/base';
import {
  applyMetadataRecord,
  decodeMetadataRecord,
  encodeMetadataRecord,
  type KnownMetadataRecord,
  MetadataImage,
} from '@millrace/controller/image';
import fc from 'fast-check';
import { pack } from 'msgpackr';
import { describe, expect, test } from 'vitest';

const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';
const records: KnownMetadataRecord[] = [
  { type: 'cluster', version: 0, clusterId: 'c' },
  {
    type: 'broker',
    version: 0,
    nodeId: 1,
    brokerEpoch: 2 ** 40,
    incarnationId: 'i',
    directoryId: 'd',
    roles: ['controller', 'broker'],
    rack: null,
    hostLabel: 'machine',
    host: '::1',
    port: 7400,
    internalHost: 'inside',
    internalPort: 7401,
  },
  { type: 'remove-broker', version: 0, nodeId: 1, brokerEpoch: 3 },
  { type: 'broker-state', version: 0, nodeId: 1, brokerEpoch: 3, state: 'shutting-down' },
  { type: 'topic', version: 0, topicId, name: 'orders' },
  {
    type: 'partitions',
    version: 0,
    topicId,
    partitions: [
      {
        partition: 0,
        leader: -1,
        leaderEpoch: 70_000,
        partitionEpoch: 1,
        replicas: [1, 2, 3, 4],
        isr: [],
        elr: [2],
        adding: [3, 4],
        removing: [1],
        minInsyncReplicas: 2,
      },
    ],
  },
  {
    type: 'topic-configs',
    version: 0,
    topicId,
    changes: [
      { key: 'a', value: null },
      { key: 'b', value: '1' },
    ],
  },
  { type: 'remove-topic', version: 0, topicId },
  { type: 'producer-ids', version: 0, nextProducerId: Number.MAX_SAFE_INTEGER },
];

test('every type of record comes back as it was', () => {
  for (const record of records) expect(decodeMetadataRecord(encodeMetadataRecord(record))).toEqual(record);
});

describe('records of a later release', () => {
  test('with fields that are not known are read without them', () => {
    const bytes = pack({ type: 'cluster', version: 3, clusterId: 'c', colour: 'green', nested: { a: [1] } });
    expect(decodeMetadataRecord(bytes)).toEqual({ type: 'cluster', version: 3, clusterId: 'c' });
  });

  test('of types that are not known take their place and change nothing', () => {
    const record = decodeMetadataRecord(pack({ type: 'quota', version: 0, bytesPerSecond: 5 }));
    expect(record).toEqual({ type: 'unknown', originalType: 'quota' });
    const image = applyMetadataRecord(MetadataImage.empty, record, 0);
    expect([image.position, image.clusterId, image.topicCount]).toEqual([1, undefined, 0]);
  });
});

test('a known record with a missing or impossible field is refused', () => {
  for (const record of [
    { type: 'cluster', version: 0 },
    { type: 'topic', version: 0, topicId: 'short', name: 'orders' },
    { type: 'partitions', version: 0, topicId, partitions: [{ partition: -1 }] },
    { type: 'producer-ids', version: 0, nextProducerId: 2 ** 60 },
  ]) {
    expect(() => decodeMetadataRecord(pack(record))).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
  }
});

test('property: any bytes give a record or a typed error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        expect(decodeMetadataRecord(bytes)).toHaveProperty('type');
      } catch (error) {
        expect(error).toBeInstanceOf(MillraceError);
        expect(error).toHaveProperty('code', 'INVALID_RECORD');
      }
    }),
    { numRuns: 2000 },
  );
});
