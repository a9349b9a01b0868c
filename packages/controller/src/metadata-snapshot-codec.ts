/**
 * A snapshot of the image: the shortest list of metadata records that leads to it. Each chunk is one record, so
 * a snapshot is read with the same tolerance for other releases as the log.
 */
import { assert } from '@millrace/base';
import type { SnapshotCodec } from '@millrace/state-machine';
import { applyMetadataRecord } from './image/apply-metadata-record.js';
import { MetadataImage, type TopicImage } from './image/metadata-image.js';
import { decodeMetadataRecord, encodeMetadataRecord, type KnownMetadataRecord } from './image/metadata-record.js';
import { partitionsRecord } from './image/partitions-record.js';

/** Keeps a chunk of a topic with very many partitions small. */
const partitionsPerRecord = 1000;

export const metadataSnapshotCodec: SnapshotCodec<MetadataImage> = {
  *encode(image) {
    for (const record of recordsOf(image)) yield encodeMetadataRecord(record);
  },
  decode(chunks, position) {
    let image = MetadataImage.empty;
    for (const chunk of chunks) image = applyMetadataRecord(image, decodeMetadataRecord(chunk), image.position);
    return image.withPosition(position);
  },
};

/** In an order that depends on the image alone: equal images give equal bytes. */
function* recordsOf(image: MetadataImage): Generator<KnownMetadataRecord, void, undefined> {
  const version = 0;
  if (image.clusterId !== undefined) yield { type: 'cluster', version, clusterId: image.clusterId };
  for (const nodeId of [...image.brokers.keys()].sort((a, b) => a - b)) {
    const broker = image.brokers.get(nodeId);
    assert(broker !== undefined, `node ${nodeId} is among the brokers`);
    const { brokerEpoch, incarnationId, directoryId, roles, rack, hostLabel, host, port, state } = broker;
    const { internalHost, internalPort } = broker;
    const name = { nodeId, brokerEpoch, incarnationId, directoryId };
    const place = { rack, hostLabel, host, port, internalHost, internalPort };
    yield { type: 'broker', version, ...name, roles: [...roles], ...place };
    yield { type: 'broker-state', version, nodeId, brokerEpoch, state };
  }
  for (const topic of image.topicsByName()) yield* recordsOfTopic(topic);
  yield { type: 'producer-ids', version, nextProducerId: image.nextProducerId };
}

function* recordsOfTopic(topic: TopicImage): Generator<KnownMetadataRecord, void, undefined> {
  const version = 0;
  const { topicId, name } = topic;
  yield { type: 'topic', version, topicId, name };
  for (let from = 0; from < topic.partitions.length; from += partitionsPerRecord) {
    yield partitionsRecord(topicId, topic.partitions.slice(from, from + partitionsPerRecord));
  }
  const changes = [...topic.configs].map(([key, value]) => ({ key, value })).sort((a, b) => (a.key < b.key ? -1 : 1));
  if (changes.length > 0) yield { type: 'topic-configs', version, topicId, changes };
}
