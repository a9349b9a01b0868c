import { withRetries, type ClusterClient, type RetryLimit } from '@millrace/client';
import { errorFromWire, latestTimestamp, listOffsetsApi, protocolError, type Isolation } from '@millrace/protocol';
import type { TopicPartition } from './consumer-record.js';

/** Asks the leaders for the offset after the last readable record of each partition, in the order given. */
export async function endOffsets(
  client: ClusterClient,
  partitions: readonly TopicPartition[],
  limit: RetryLimit & { readonly isolation: Isolation },
): Promise<number[]> {
  const topics = [...new Set(partitions.map(({ topic }) => topic))];
  return withRetries(client, { ...limit, topics }, async (attempt) => {
    const byNode = new Map<number, number[]>();
    for (const [index, { topic, partition }] of partitions.entries()) {
      const { node } = await client.leader(topic, partition, attempt);
      byNode.set(node, [...(byNode.get(node) ?? []), index]);
    }
    const offsets = new Array<number>(partitions.length).fill(-1);
    for (const [node, indexes] of byNode) {
      const asked = indexes.map((index) => {
        const { topic, partition } = partitions[index] as TopicPartition;
        const leaderEpoch = client.cachedLeader(topic, partition)?.leaderEpoch ?? -1;
        return {
          topicId: client.cachedTopic(topic)?.topicId ?? '',
          partition,
          leaderEpoch,
          timestamp: latestTimestamp,
        };
      });
      const request = { isolation: limit.isolation, partitions: asked };
      const { body } = await client.call({ node }, listOffsetsApi, request, [], attempt);
      if (body.partitions.length !== indexes.length) {
        throw protocolError('INVALID_RESPONSE', `Node ${node} answered ListOffsets for other partitions.`);
      }
      body.partitions.forEach((answer, at) => {
        const error = errorFromWire(answer, `The end of a partition at node ${node}`);
        if (error !== undefined) throw error;
        offsets[indexes[at] as number] = answer.offset;
      });
    }
    return offsets;
  });
}
