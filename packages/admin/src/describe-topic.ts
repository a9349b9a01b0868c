/** Puts together what three APIs say of a topic: its replicas, its settings, and what its leaders have on disk. */
import { errorMessage } from '@millrace/base';
import type { ClusterClient, RetryLimit } from '@millrace/client';
import {
  describeConfigsApi,
  describeTopicPartitionsApi,
  errorFromWire,
  protocolError,
  type DescribeConfigsResponse,
  type DescribeTopicPartitionsResponse,
} from '@millrace/protocol';
import { describeLogs, placesOf } from './describe-logs.js';
import { FinalAnswer } from './final-answer.js';
import type { Configs, PartitionDescription, ReplicaDescription, TopicDescription } from './topic-description.js';

type FoundTopic = DescribeTopicPartitionsResponse['topics'][number];

export async function describeTopic(client: ClusterClient, name: string, limit: RetryLimit): Promise<TopicDescription> {
  const topic = await foundTopic(client, name, limit);
  const topicId = topic.topicId ?? '';
  await learnNodes(client, name, limit);
  const [configs, logs] = await Promise.all([
    describeConfigs(client, name, limit),
    describeLogs(
      client,
      topicId,
      placesOf(topic.partitions, ({ leader }) => [leader]),
      limit,
    ),
  ]);
  // One that led when it was described, and leads no more, has the offsets of a follower.
  const leaderLogs = new Map(logs.filter(({ isLeader }) => isLeader).map((log) => [log.partition, log]));
  const partitions = topic.partitions.map((partition): PartitionDescription => {
    const { logStartOffset = -1, highWatermark = -1, sizeBytes = -1 } = leaderLogs.get(partition.partition) ?? {};
    return { ...partition, logStartOffset, highWatermark, sizeBytes };
  });
  return { name, topicId, configs, partitions };
}

export function configsOf(entries: DescribeConfigsResponse['resources'][number]['configs']): Configs {
  return Object.fromEntries(entries.map(({ key, value, source }) => [key, { value, source }]));
}

async function describeConfigs(client: ClusterClient, name: string, limit: RetryLimit): Promise<Configs> {
  const request = { resources: [{ type: 'topic' as const, name }] };
  const { body } = await client.call('any', describeConfigsApi, request, [], limit);
  const [resource] = body.resources;
  if (resource === undefined) throw protocolError('INVALID_RESPONSE', `No settings of topic ${name} came.`);
  const error = errorFromWire(resource, `Settings of topic ${name}`);
  if (error !== undefined) throw error;
  return configsOf(resource.configs);
}

/** Where the leaders are: the node that described the topic did not say. */
async function learnNodes(client: ClusterClient, name: string, limit: RetryLimit): Promise<void> {
  try {
    await client.topic(name, limit);
  } catch (error) {
    limit.signal?.throwIfAborted();
    client.environment.logger.warn('a topic’s leaders are not known', { topic: name, error: errorMessage(error) });
  }
}

/** What each node that has a copy holds of it, in the order of partitions and nodes. */
export async function describeReplicas(
  client: ClusterClient,
  name: string,
  limit: RetryLimit,
): Promise<ReplicaDescription[]> {
  const { topicId, partitions } = await foundTopic(client, name, limit);
  await learnNodes(client, name, limit);
  const places = placesOf(partitions, ({ replicas }) => replicas);
  const logs = await describeLogs(client, topicId ?? '', places, limit);
  return logs
    .map(({ partition, nodeId, isLeader, logStartOffset, logEndOffset, sizeBytes }): ReplicaDescription => {
      return { topic: name, partition, nodeId, isLeader, logStartOffset, logEndOffset, sizeBytes };
    })
    .sort((a, b) => a.partition - b.partition || a.nodeId - b.nodeId);
}

async function foundTopic(client: ClusterClient, name: string, limit: RetryLimit): Promise<FoundTopic> {
  const { body } = await client.call('any', describeTopicPartitionsApi, { topics: [name] }, [], limit);
  const [topic] = body.topics;
  if (topic === undefined) throw protocolError('INVALID_RESPONSE', `No description of topic ${name} came.`);
  const error = errorFromWire(topic, `Topic ${name}`);
  // That there is no such topic is the answer; asking again would only delay it.
  if (error?.code === 'UNKNOWN_TOPIC_OR_PARTITION') throw new FinalAnswer(error);
  if (error !== undefined) throw error;
  return topic;
}
