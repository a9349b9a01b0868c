/** ListOffsets: the ends of a partition, or the first record at or after a time. Never past what readers may read. */
import {
  earliestTimestamp,
  latestTimestamp,
  listOffsetsApi,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
  maxTimestamp,
} from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import type { Partition } from '../partition/partition.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Entry = ListOffsetsRequest['partitions'][number];
type Result = ListOffsetsResponse['partitions'][number];
type Found = Pick<Result, 'offset' | 'timestamp' | 'leaderEpoch'>;

const nothingFound: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 };

export function listOffsetsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(listOffsetsApi, async (request) => {
    const partitions: Result[] = [];
    for (const entry of request.partitions) partitions.push(await listOffset(services, entry));
    return { body: { partitions } };
  });
}

async function listOffset(services: BrokerServices, entry: Entry): Promise<Result> {
  const { topicId, partition: index } = entry;
  try {
    const partition = services.partitions.leader(topicId, index, entry.leaderEpoch);
    return { topicId, partition: index, error: 0, message: null, ...(await find(partition, entry.timestamp)) };
  } catch (error) {
    return { topicId, partition: index, ...entryError(services, listOffsetsApi, error), ...nothingFound };
  }
}

async function find(partition: Partition, timestamp: number): Promise<Found> {
  const { log, leaderEpoch } = partition;
  if (timestamp !== earliestTimestamp) partition.requireKnownEnd();
  if (timestamp === latestTimestamp) return { offset: partition.highWatermark, timestamp: -1, leaderEpoch };
  if (timestamp === earliestTimestamp) {
    // The epoch in which the first record was written is not asked of the log: -1 says unknown.
    return { offset: log.startOffset, timestamp: -1, leaderEpoch: -1 };
  }
  const found = await (timestamp === maxTimestamp ? log.largestTimestamp() : log.offsetForTimestamp(timestamp));
  if (found === undefined || found.offset >= partition.highWatermark) return nothingFound;
  return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch };
}
