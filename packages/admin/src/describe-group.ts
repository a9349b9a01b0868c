/** Puts together what coordinator and leaders say of a group: members, timeline, and how far it lags behind. */
import { errorMessage } from '@millrace/base';
import type { ClusterClient, RetryLimit } from '@millrace/client';
import {
  consumerGroupDescribeApi,
  type ConsumerGroupDescribeResponse,
  errorFromWire,
  fetchApi,
  offsetFetchApi,
  type OffsetFetchResponse,
  protocolError,
  splitPayload,
} from '@millrace/protocol';
import { recordsOf } from '@millrace/record';
import { askLeaders, type PartitionOfTopic } from './ask-leaders.js';
import type { AssignedTopic, GroupDescription, GroupOffset } from './group-description.js';

type Described = ConsumerGroupDescribeResponse['groups'][number];
export type CommittedOffset = OffsetFetchResponse['partitions'][number];
/** End offsets of partitions, in the order asked. */
export type EndOffsets = (partitions: readonly PartitionOfTopic[]) => Promise<readonly number[]>;

/** Leaders that are asked for a record at the same time. */
const parallelism = 32;
const maxDecompressedBytes = 64 * 1024 * 1024;

export async function describeMembers(client: ClusterClient, group: string, limit: RetryLimit): Promise<Described> {
  const target = { coordinator: { type: 'group' as const, key: group } };
  const { body } = await client.call(target, consumerGroupDescribeApi, { groups: [group] }, [], limit);
  const [described] = body.groups;
  if (described === undefined) throw protocolError('INVALID_RESPONSE', `No description of group ${group} came.`);
  const error = errorFromWire(described, `Group ${group}`);
  if (error !== undefined) throw error;
  return described;
}

/** All that the group has committed, of topics that are still there. */
export async function committedOffsets(
  client: ClusterClient,
  group: string,
  limit: RetryLimit,
): Promise<readonly CommittedOffset[]> {
  const target = { coordinator: { type: 'group' as const, key: group } };
  const request = { group, memberId: '', memberEpoch: -1, requireStable: false, partitions: null };
  const { body } = await client.call(target, offsetFetchApi, request, [], limit);
  return body.partitions.filter(({ topic, offset }) => topic !== '' && offset >= 0);
}

export function groupDescription(described: Described, offsets: readonly GroupOffset[]): GroupDescription {
  const { group, state, epoch, assignor, members, rebalances } = described;
  return {
    group,
    state,
    epoch,
    assignor,
    members: members.map((member) => ({
      memberId: member.memberId,
      clientId: member.clientId,
      host: member.host,
      epoch: member.epoch,
      state: member.state,
      instanceId: member.instanceId,
      rackId: member.rackId,
      subscribedTopics: member.subscribedTopics,
      subscribedPattern: member.subscribedPattern,
      assignment: withoutIds(member.assignment),
      target: withoutIds(member.target),
    })),
    offsets,
    rebalances: rebalances.map(({ durationMs, moves, ...rest }) => ({
      ...rest,
      durationMs: durationMs < 0 ? null : durationMs,
      moves: moves.map(({ topic, partition, from, to }) => ({ topic, partition, from, to })),
    })),
  };
}

/** Of the partitions that were committed or are a member's, by topic and partition. */
export async function groupOffsets(
  client: ClusterClient,
  found: { readonly described: Described; readonly committed: readonly CommittedOffset[]; readonly ends: EndOffsets },
  limit: RetryLimit,
): Promise<GroupOffset[]> {
  const { described, committed } = found;
  const byLabel = new Map<string, PartitionOfTopic & { readonly committed?: CommittedOffset }>();
  for (const { topic, partition } of assignedPartitions(described))
    byLabel.set(`${topic}-${partition}`, { topic, partition });
  for (const one of committed) {
    const { topic, partition } = one;
    byLabel.set(`${topic}-${partition}`, { topic, partition, committed: one });
  }
  const partitions = [...byLabel.values()].sort(
    (a, b) => (a.topic < b.topic ? -1 : a.topic > b.topic ? 1 : 0) || a.partition - b.partition,
  );
  const ends = await endsOf(client, partitions, found.ends, limit);
  const offsets: GroupOffset[] = [];
  for (let start = 0; start < partitions.length; start += parallelism) {
    const part = partitions.slice(start, start + parallelism).map(async (one, index): Promise<GroupOffset> => {
      const { topic, partition } = one;
      const { offset = null, metadata = null } = one.committed ?? {};
      const end = ends?.[start + index] ?? null;
      const lag = offset === null || end === null ? null : Math.max(0, end - offset);
      const lagSeconds =
        lag === null || offset === null ? null : await ageOf(client, { topic, partition, offset, lag }, limit);
      return { topic, partition, committed: offset, end, lag, lagSeconds, metadata };
    });
    offsets.push(...(await Promise.all(part)));
  }
  return offsets;
}

/** A description without ends is worth more than none. */
async function endsOf(
  client: ClusterClient,
  partitions: readonly PartitionOfTopic[],
  ends: EndOffsets,
  limit: RetryLimit,
): Promise<readonly number[] | undefined> {
  try {
    return await ends(partitions);
  } catch (error) {
    limit.signal?.throwIfAborted();
    client.environment.logger.warn('the ends of a group’s partitions are not known', { error: errorMessage(error) });
    return undefined;
  }
}

/** Seconds since the first record at or after the offset was written; null when that cannot be said. */
async function ageOf(
  client: ClusterClient,
  { topic, partition, offset, lag }: PartitionOfTopic & { readonly offset: number; readonly lag: number },
  limit: RetryLimit,
): Promise<number | null> {
  if (lag === 0) return 0;
  try {
    let timestampMs = -1;
    await askLeaders(client, limit, {
      items: [{ topic, partition }],
      what: 'The record at the committed offset',
      ask: async (node, entries, attempt) => {
        const request = {
          maxWaitMs: 0,
          minBytes: 0,
          maxBytes: 1,
          isolation: 'read-uncommitted' as const,
          partitions: entries.map(({ topicId, leaderEpoch }) => ({
            topicId,
            partition,
            leaderEpoch,
            fetchOffset: offset,
            maxBytes: 1,
          })),
        };
        const { body, payload } = await client.call({ node }, fetchApi, request, [], attempt);
        const [bytes = new Uint8Array()] = splitPayload(body.partitions, payload);
        for (const record of recordsOf(bytes, { maxDecompressedBytes })) {
          if (record.offset < offset) continue;
          timestampMs = record.timestampMs;
          break;
        }
        return body.partitions;
      },
    });
    if (timestampMs < 0) return null;
    return Math.max(0, client.environment.clock.wallMs() - timestampMs) / 1000;
  } catch (error) {
    limit.signal?.throwIfAborted();
    const facts = { partition: `${topic}-${partition}`, error: errorMessage(error) };
    client.environment.logger.debug('the age of a record is not known', facts);
    return null;
  }
}

function* assignedPartitions({ members }: Described): Generator<PartitionOfTopic> {
  for (const { assignment } of members) {
    for (const { topic, partitions } of assignment) for (const partition of partitions) yield { topic, partition };
  }
}

function withoutIds(
  assignment: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): AssignedTopic[] {
  return assignment.map(({ topic, partitions }) => ({ topic, partitions }));
}
