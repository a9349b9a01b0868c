/** Puts together what three APIs say of a topic: its replicas, its settings, and what its leaders have on disk. */
import { errorMessage } from '@millrace/base';
import type { ClusterClient, RetryLimit } from '@millrace/client';
import {
  describeConfigsApi,
  describeLogDirsApi,
  describeTopicPartitionsApi,
  errorFromWire,
  protocolError,
  type DescribeConfigsResponse,
  type DescribeLogDirsResponse,
} from '@millrace/protocol';
import { FinalAnswer } from './final-answer.js';
import type { Configs, PartitionDescription, TopicDescription } from './topic-description.js';

type LogDescription = DescribeLogDirsResponse['partitions'][number];

export async function describeTopic(client: ClusterClient, name: string, limit: RetryLimit): Promise<TopicDescription> {
  const topicReply = await client.call('any', describeTopicPartitionsApi, { topics: [name] }, [], limit);
  const [topic] = topicReply.body.topics;
  if (topic === undefined) throw protocolError('INVALID_RESPONSE', `No description of topic ${name} came.`);
  const error = errorFromWire(topic, `Topic ${name}`);
  // That there is no such topic is the answer; asking again would only delay it.
  if (error?.code === 'UNKNOWN_TOPIC_OR_PARTITION') throw new FinalAnswer(error);
  if (error !== undefined) throw error;
  const topicId = topic.topicId ?? '';
  await learnNodes(client, name, limit);
  const [configs, logs] = await Promise.all([
    describeConfigs(client, name, limit),
    describeLogs(client, { topicId, leaders: topic.partitions }, limit),
  ]);
  const partitions = topic.partitions.map((partition): PartitionDescription => {
    const { logStartOffset = -1, highWatermark = -1, sizeBytes = -1 } = logs.get(partition.partition) ?? {};
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

/** Leaders that cannot be asked are left out: the rest of the description is worth having without them. */
async function describeLogs(
  client: ClusterClient,
  topic: {
    readonly topicId: string;
    readonly leaders: readonly { readonly partition: number; readonly leader: number }[];
  },
  limit: RetryLimit,
): Promise<Map<number, LogDescription>> {
  const byNode = new Map<number, { readonly topicId: string; readonly partition: number }[]>();
  for (const { partition, leader } of topic.leaders) {
    if (leader < 0) continue;
    const partitions = byNode.get(leader) ?? [];
    partitions.push({ topicId: topic.topicId, partition });
    byNode.set(leader, partitions);
  }
  const logs = new Map<number, LogDescription>();
  await Promise.all(
    [...byNode].map(async ([node, partitions]) => {
      try {
        const { body } = await client.call({ node }, describeLogDirsApi, { partitions }, [], limit);
        for (const log of body.partitions) if (log.error === 0) logs.set(log.partition, log);
      } catch (error) {
        limit.signal?.throwIfAborted();
        client.environment.logger.warn('a leader did not describe its logs', { node, error: errorMessage(error) });
      }
    }),
  );
  return logs;
}
