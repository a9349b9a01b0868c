/** DescribeTopicPartitions: topics and the replicas of their partitions, from the image this node has. */
import { isInternalTopic } from '@millrace/controller/image';
import { describeTopicPartitionsApi, type DescribeTopicPartitionsResponse, protocolError } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Topic = DescribeTopicPartitionsResponse['topics'][number];

export function describeTopicPartitionsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(describeTopicPartitionsApi, (request) => ({
    body: { topics: request.topics.map((name) => describe(services, name)) },
  }));
}

function describe(services: BrokerServices, name: string): Topic {
  const topic = services.controller.image.topicByName(name);
  const isInternal = isInternalTopic(name);
  if (topic === undefined) {
    const error = protocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${name}: check the name.`);
    return {
      ...entryError(services, describeTopicPartitionsApi, error),
      name,
      topicId: null,
      isInternal,
      partitions: [],
    };
  }
  const partitions = topic.partitions.map(({ partition, leader, leaderEpoch, replicas, isr, elr }) => ({
    partition,
    leader,
    leaderEpoch,
    replicas,
    isr,
    elr,
  }));
  return { error: 0, message: null, name, topicId: topic.topicId, isInternal, partitions };
}
