/** What a group has committed. A decision without entries: answered when all it rests on is committed. */
import { noError, type OffsetFetchRequest, type OffsetFetchResponse, protocolError } from '@millrace/protocol';
import {
  comparePartitions,
  indexOf,
  type PartitionKey,
  partitionKey,
  topicIdOf,
} from '../../assignor/topic-partition.js';
import type { GroupState } from '../group-state.js';
import type { Topics } from '../subscriptions.js';

export interface FetchOffsetsCommand {
  readonly kind: 'fetch-offsets';
  readonly group: string;
  readonly request: OffsetFetchRequest;
  readonly image: Topics;
}

type Result = OffsetFetchResponse['partitions'][number];

export function fetchOffsets(group: GroupState, { request, image }: FetchOffsetsCommand): OffsetFetchResponse {
  requireReader(group, request);
  const keys =
    request.partitions?.map(({ topicId, partition }) => partitionKey(topicId, partition)) ??
    [...group.offsets.keys()].sort(comparePartitions);
  return { partitions: keys.map((key) => committed(group, key, image)) };
}

/** A member that is not one any more is told so before it reads on from offsets that are not its to use. */
function requireReader(group: GroupState, { memberId, memberEpoch }: OffsetFetchRequest): void {
  if (memberId === '') return;
  const current = group.currents.get(memberId);
  if (current === undefined) {
    throw protocolError('UNKNOWN_MEMBER_ID', `Group ${group.group} has no member ${memberId}: join again.`);
  }
  if (memberEpoch === current.epoch || memberEpoch === current.previousEpoch) return;
  throw protocolError(
    'STALE_MEMBER_EPOCH',
    `Member ${memberId} of group ${group.group} is at epoch ${current.epoch}, not ${memberEpoch}.`,
  );
}

function committed({ offsets }: GroupState, key: PartitionKey, image: Topics): Result {
  const topicId = topicIdOf(key);
  const { offset = -1, leaderEpoch = -1, metadata = null, committedMs = -1 } = offsets.get(key) ?? {};
  const topic = image.topicById(topicId)?.name ?? '';
  return { topicId, topic, partition: indexOf(key), ...noError, offset, leaderEpoch, metadata, committedMs };
}
