/** One record changes the image: the only way that cluster metadata changes, on every node. */
import { assert, unreachable } from '@millrace/base';
import type { BrokerImage, MetadataImage, PartitionImage, TopicImage } from './metadata-image.js';
import type { MetadataRecord } from './metadata-record.js';

/** `position` is the record's own offset in the metadata log. A record that contradicts the image is our own bug. */
export function applyMetadataRecord(image: MetadataImage, record: MetadataRecord, position: number): MetadataImage {
  assert(position >= image.position, `record ${position} is applied to an image at ${image.position}`);
  return change(image, record).withPosition(position + 1);
}

function change(image: MetadataImage, record: MetadataRecord): MetadataImage {
  switch (record.type) {
    case 'cluster':
      assert(image.clusterId === undefined, `cluster ${image.clusterId} is formed a second time`);
      return image.withClusterId(record.clusterId);
    case 'broker': {
      const before = image.brokers.get(record.nodeId);
      assert(
        before === undefined || before.brokerEpoch < record.brokerEpoch,
        `node ${record.nodeId} goes from broker epoch ${before?.brokerEpoch} to ${record.brokerEpoch}`,
      );
      return image.withBroker(fencedBroker(record));
    }
    case 'broker-state': {
      const broker = image.brokers.get(record.nodeId);
      assert(broker?.brokerEpoch === record.brokerEpoch, `node ${record.nodeId} is not at epoch ${record.brokerEpoch}`);
      return image.withBroker({ ...broker, state: record.state });
    }
    case 'remove-broker': {
      const broker = image.brokers.get(record.nodeId);
      assert(broker?.brokerEpoch === record.brokerEpoch, `node ${record.nodeId} is not at epoch ${record.brokerEpoch}`);
      return image.withoutBroker(record.nodeId);
    }
    case 'topic': {
      const { topicId, name } = record;
      assert(image.topicById(topicId) === undefined, `topic id ${topicId} is used a second time`);
      assert(image.topicLike(name) === undefined, `topic name ${name} is used a second time`);
      return image.withTopic({ topicId, name, partitions: [], configs: new Map() });
    }
    case 'partitions': {
      const topic = topicOf(image, record.topicId);
      return image.withTopic({ ...topic, partitions: withPartitions(topic, record.partitions) });
    }
    case 'topic-configs': {
      const topic = topicOf(image, record.topicId);
      const configs = new Map(topic.configs);
      for (const { key, value } of record.changes) {
        if (value === null) configs.delete(key);
        else configs.set(key, value);
      }
      return image.withTopic({ ...topic, configs });
    }
    case 'remove-topic':
      return image.withoutTopic(topicOf(image, record.topicId));
    case 'producer-ids':
      assert(record.nextProducerId >= image.nextProducerId, `producer ids go back to ${record.nextProducerId}`);
      return image.withNextProducerId(record.nextProducerId);
    case 'unknown':
      return image;
    default:
      return unreachable(record);
  }
}

function fencedBroker(record: Extract<MetadataRecord, { type: 'broker' }>): BrokerImage {
  const { nodeId, brokerEpoch, incarnationId, directoryId, roles, rack, hostLabel } = record;
  const { host, port, internalHost, internalPort } = record;
  const name = { nodeId, brokerEpoch, incarnationId, directoryId };
  return { ...name, roles, rack, hostLabel, host, port, internalHost, internalPort, state: 'fenced' };
}

function topicOf(image: MetadataImage, topicId: string): TopicImage {
  const topic = image.topicById(topicId);
  assert(topic !== undefined, `there is no topic ${topicId}`);
  return topic;
}

function withPartitions(topic: TopicImage, changed: readonly PartitionImage[]): readonly PartitionImage[] {
  const partitions = [...topic.partitions];
  for (const after of changed) {
    const where = `partition ${topic.name}-${after.partition}`;
    assert(after.partition <= partitions.length, `${where} leaves a gap after ${partitions.length} partitions`);
    const before = partitions[after.partition];
    assert(
      before === undefined ||
        (after.partitionEpoch > before.partitionEpoch &&
          after.leaderEpoch >= before.leaderEpoch &&
          (after.leader === before.leader || after.leaderEpoch > before.leaderEpoch)),
      `${where} changes without new epochs`,
    );
    assert(after.leader === -1 || after.isr.includes(after.leader), `${where} is led from outside its in-sync set`);
    assert(!after.isr.some((replica) => after.elr.includes(replica)), `${where} has a replica in both ISR and ELR`);
    const named = [...after.isr, ...after.elr, ...after.adding, ...after.removing];
    assert(
      named.every((replica) => after.replicas.includes(replica)),
      `${where} names a node that is not among its replicas`,
    );
    partitions[after.partition] = after;
  }
  return partitions;
}
