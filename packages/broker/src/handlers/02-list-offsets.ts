/**
 * ListOffsets: the ends of a partition, or the first record at or after a time. Never past what readers may read.
 *
 * The end is also never before what was acknowledged: a leader that was cut off, and whose place another one may have
 * taken by now, gives no answer. What it would say was true once; whoever seeks to the end would miss what came since.
 */
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
type Isolation = ListOffsetsRequest['isolation'];
type Found = Pick<Result, 'offset' | 'timestamp' | 'leaderEpoch'>;

const nothingFound: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 };

export function listOffsetsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(listOffsetsApi, async (request) => {
    const partitions: Result[] = [];
    for (const entry of request.partitions) {
      partitions.push(await listOffset(services, entry, request.isolation));
    }
    return { body: { partitions } };
  });
}

async function listOffset(services: BrokerServices, entry: Entry, isolation: Isolation): Promise<Result> {
  const { topicId, partition: index } = entry;
  try {
    const partition = services.partitions.leader(topicId, index, entry.leaderEpoch);
    if (entry.timestamp === latestTimestamp && services.mayBeReplaced()) partition.requireNoOtherLeader();
    return {
      topicId,
      partition: index,
      error: 0,
      message: null,
      ...(await find(partition, entry.timestamp, isolation)),
    };
  } catch (error) {
    return { topicId, partition: index, ...entryError(services, listOffsetsApi, error), ...nothingFound };
  }
}

async function find(partition: Partition, timestamp: number, isolation: Isolation): Promise<Found> {
  const { log, leaderEpoch, highWatermark } = partition;
  const endOffset = isolation === 'read-committed' ? log.lastStableOffset(highWatermark) : highWatermark;
  if (timestamp !== earliestTimestamp) partition.requireKnownEnd();
  if (timestamp === latestTimestamp) return { offset: endOffset, timestamp: -1, leaderEpoch };
  if (timestamp === earliestTimestamp) {
    // The epoch in which the first record was written is not asked of the log: -1 says unknown.
    return { offset: log.startOffset, timestamp: -1, leaderEpoch: -1 };
  }
  const found = await (timestamp === maxTimestamp ? log.largestTimestamp() : log.offsetForTimestamp(timestamp));
  if (found === undefined || found.offset >= endOffset) return nothingFound;
  return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch };
}
