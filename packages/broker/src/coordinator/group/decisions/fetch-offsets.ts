/** What a group has committed. A decision without entries: answered when all it rests on is committed. */
import {
  noError,
  type OffsetFetchRequest,
  type OffsetFetchResponse,
  protocolError,
  wireError,
} from '@millrace/protocol';
import {
  comparePartitions,
  indexOf,
  type PartitionKey,
  partitionKey,
  topicIdOf,
} from '../../assignor/topic-partition.js';
import { type GroupState, unstablePartitions } from '../group-state.js';
import type { Topics } from '../subscriptions.js';

export interface FetchOffsetsCommand {
  readonly kind: 'fetch-offsets';
  readonly group: string;
  readonly request: OffsetFetchRequest;
  readonly image: Topics;
}

const none: ReadonlySet<PartitionKey> = new Set();

type Result = OffsetFetchResponse['partitions'][number];

export function fetchOffsets(group: GroupState, { request, image }: FetchOffsetsCommand): OffsetFetchResponse {
  requireReader(group, request);
  const keys =
    request.partitions?.map(({ topicId, partition }) => partitionKey(topicId, partition)) ??
    [...group.offsets.keys()].sort(comparePartitions);
  const unstable = request.requireStable ? unstablePartitions(group) : none;
  return {
    partitions: keys.map((key) =>
      unstable.has(key) ? unstableOffset(group, key, image) : committed(group, key, image),
    ),
  };
}

/** Whoever read on from the offset as it is would process again what a transaction is about to commit (KIP-447). */
function unstableOffset({ group }: GroupState, key: PartitionKey, image: Topics): Result {
  const topicId = topicIdOf(key);
  const topic = image.topicById(topicId)?.name ?? '';
  const error = protocolError(
    'UNSTABLE_OFFSET_COMMIT',
    `An open transaction is about to commit an offset of ${topic}-${indexOf(key)} for group ${group}: ask again when it has ended.`,
  );
  const nothing = { offset: -1, leaderEpoch: -1, metadata: null, committedMs: -1 };
  return { topicId, topic, partition: indexOf(key), ...wireError(error), ...nothing };
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
