/** What nodes hold of the partitions of a topic. Nodes that cannot be asked are left out: the rest is worth having. */
import { errorMessage } from '@millrace/base';
import type { ClusterClient, RetryLimit } from '@millrace/client';
import { describeLogDirsApi, type DescribeLogDirsResponse } from '@millrace/protocol';

export type LogDescription = DescribeLogDirsResponse['partitions'][number] & { readonly nodeId: number };

/** Which partitions to ask each node about. */
export type Places = ReadonlyMap<number, readonly number[]>;

export function placesOf<Entry extends { readonly partition: number }>(
  partitions: readonly Entry[],
  nodesOf: (entry: Entry) => readonly number[],
): Places {
  const places = new Map<number, number[]>();
  for (const entry of partitions) {
    for (const nodeId of nodesOf(entry)) {
      if (nodeId < 0) continue;
      const there = places.get(nodeId) ?? [];
      there.push(entry.partition);
      places.set(nodeId, there);
    }
  }
  return places;
}

export async function describeLogs(
  client: ClusterClient,
  topicId: string,
  places: Places,
  limit: RetryLimit,
): Promise<LogDescription[]> {
  const found: LogDescription[] = [];
  await Promise.all(
    [...places].map(async ([nodeId, indexes]) => {
      const partitions = indexes.map((partition) => ({ topicId, partition }));
      try {
        const { body } = await client.call({ node: nodeId }, describeLogDirsApi, { partitions }, [], limit);
        for (const log of body.partitions) if (log.error === 0) found.push({ ...log, nodeId });
      } catch (error) {
        limit.signal?.throwIfAborted();
        client.environment.logger.warn('a node did not describe its logs', { nodeId, error: errorMessage(error) });
      }
    }),
  );
  return found;
}
