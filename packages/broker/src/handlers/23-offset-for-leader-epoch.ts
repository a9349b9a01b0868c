/** OffsetForLeaderEpoch: where an epoch ended in the leader's log. */
import {
  offsetForLeaderEpochApi,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
} from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { epochEndAtLeader } from '../partition/divergence.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Entry = OffsetForLeaderEpochRequest['partitions'][number];
type Result = OffsetForLeaderEpochResponse['partitions'][number];

export function offsetForLeaderEpochHandler(services: BrokerServices): AnyHandler {
  return handlerOf(offsetForLeaderEpochApi, (request) => ({
    body: { partitions: request.partitions.map((entry) => endOf(services, entry)) },
  }));
}

function endOf(services: BrokerServices, entry: Entry): Result {
  const { topicId, partition: index } = entry;
  try {
    const partition = services.partitions.leader(topicId, index, entry.currentLeaderEpoch);
    const { epoch, endOffset } = epochEndAtLeader(
      partition.log,
      partition.requireLeader(entry.currentLeaderEpoch),
      entry.leaderEpoch,
    );
    return { topicId, partition: index, error: 0, message: null, leaderEpoch: epoch, endOffset };
  } catch (error) {
    const wire = entryError(services, offsetForLeaderEpochApi, error);
    return { topicId, partition: index, ...wire, leaderEpoch: -1, endOffset: -1 };
  }
}
