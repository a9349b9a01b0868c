/** What an operator does with groups: look at them, move their offsets, delete them. */
import { MillraceError } from '@millrace/base';
import type { ClusterClient, RetryLimit } from '@millrace/client';
import {
  deleteGroupsApi,
  errorFromWire,
  listGroupsApi,
  offsetCommitApi,
  offsetDeleteApi,
  protocolError,
} from '@millrace/protocol';
import type { ListedOffset, OffsetQuery } from './admin-options.js';
import type { PartitionOfTopic } from './ask-leaders.js';
import { committedOffsets, describeMembers, groupDescription, groupOffsets } from './describe-group.js';
import { untilAnswered } from './final-answer.js';
import type { GroupDescription, GroupSummary, OffsetReset, ResetPosition } from './group-description.js';

/** Offsets of partitions by query: the admin client's own. */
export type ListOffsets = (
  partitions: readonly (PartitionOfTopic & { readonly at: OffsetQuery })[],
) => Promise<readonly ListedOffset[]>;

export interface ResetRequest {
  readonly group: string;
  /** Undefined: all that the group has committed. */
  readonly partitions: readonly PartitionOfTopic[] | undefined;
  readonly to: ResetPosition;
  readonly dryRun: boolean;
}

/** Of every node that is there; a node that goes while it is asked makes the call start again. */
export async function listGroups(client: ClusterClient, limit: RetryLimit): Promise<GroupSummary[]> {
  return untilAnswered(client, limit, async (attempt) => {
    await client.refresh([], attempt);
    const replies = await Promise.all(
      client.nodes.map(({ nodeId }) => client.call({ node: nodeId }, listGroupsApi, { states: [] }, [], attempt)),
    );
    const groups = replies.flatMap(({ body }) => body.groups);
    return groups.sort((a, b) => (a.group < b.group ? -1 : 1));
  });
}

export async function describeGroup(
  client: ClusterClient,
  group: string,
  listOffsets: ListOffsets,
  limit: RetryLimit,
): Promise<GroupDescription> {
  const [described, committed] = await untilAnswered(client, limit, async (attempt) => {
    return [await describeMembers(client, group, attempt), await committedOffsets(client, group, attempt)] as const;
  });
  const ends = async (partitions: readonly PartitionOfTopic[]): Promise<readonly number[]> =>
    (await listOffsets(partitions.map((one) => ({ ...one, at: 'latest' as const })))).map(({ offset }) => offset);
  return groupDescription(described, await groupOffsets(client, { described, committed, ends }, limit));
}

export async function deleteGroup(client: ClusterClient, group: string, limit: RetryLimit): Promise<void> {
  await untilAnswered(client, limit, async (attempt) => {
    const { body } = await client.call(coordinatorOf(group), deleteGroupsApi, { groups: [group] }, [], attempt);
    const [deleted] = body.groups;
    const error = deleted === undefined ? undefined : errorFromWire(deleted, `Deleting group ${group}`);
    if (error !== undefined) throw error;
  });
}

export async function deleteGroupOffsets(
  client: ClusterClient,
  group: string,
  partitions: readonly PartitionOfTopic[],
  limit: RetryLimit,
): Promise<void> {
  await untilAnswered(client, limit, async (attempt) => {
    const entries = await withIds(client, partitions, attempt);
    const request = { group, partitions: entries.map(({ topicId, partition }) => ({ topicId, partition })) };
    const { body } = await client.call(coordinatorOf(group), offsetDeleteApi, request, [], attempt);
    throwFirst(body.partitions, entries, `Deleting offsets of group ${group}`);
  });
}

/** Only of a group without members. With `dryRun` nothing is changed: it tells what would be. */
export async function resetOffsets(
  client: ClusterClient,
  { group, partitions, to, dryRun }: ResetRequest,
  listOffsets: ListOffsets,
  limit: RetryLimit,
): Promise<OffsetReset[]> {
  const committed = await untilAnswered(client, limit, async (attempt) => {
    await requireEmpty(client, group, attempt);
    return committedOffsets(client, group, attempt);
  });
  const before = new Map(committed.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]));
  const wanted = (partitions ?? committed)
    .map(({ topic, partition }) => ({ topic, partition, before: before.get(`${topic}-${partition}`) ?? null }))
    // There is nothing that could be moved by so many records.
    .filter((one) => !isShift(to) || one.before !== null);
  if (wanted.length === 0) return [];
  const resets = await resetsOf(wanted, to, listOffsets);
  if (!dryRun) await commit(client, group, resets, limit);
  return resets;
}

async function resetsOf(
  wanted: readonly (PartitionOfTopic & { readonly before: number | null })[],
  to: ResetPosition,
  listOffsets: ListOffsets,
): Promise<OffsetReset[]> {
  const at = (query: OffsetQuery): Promise<readonly ListedOffset[]> =>
    listOffsets(wanted.map(({ topic, partition }) => ({ topic, partition, at: query })));
  const [starts, ends, times] = await Promise.all([
    at('earliest'),
    at('latest'),
    typeof to === 'object' && 'timestampMs' in to ? at({ timestampMs: to.timestampMs }) : [],
  ]);
  return wanted.map(({ topic, partition, before }, index) => {
    const [start, end] = [starts[index]?.offset ?? 0, ends[index]?.offset ?? 0];
    const found = times[index]?.offset ?? -1;
    const target =
      to === 'beginning'
        ? start
        : to === 'end'
          ? end
          : 'offset' in to
            ? to.offset
            : 'by' in to
              ? (before ?? start) + to.by
              : // No record is that young: whatever comes next.
                found < 0
                ? end
                : found;
    return { topic, partition, before, after: Math.min(Math.max(target, start), end) };
  });
}

function isShift(to: ResetPosition): boolean {
  return typeof to === 'object' && 'by' in to;
}

async function commit(
  client: ClusterClient,
  group: string,
  resets: readonly OffsetReset[],
  limit: RetryLimit,
): Promise<void> {
  await untilAnswered(client, limit, async (attempt) => {
    const entries = await withIds(client, resets, attempt);
    const request = {
      group,
      memberId: '',
      memberEpoch: -1,
      instanceId: null,
      allowRewind: true,
      partitions: entries.map(({ topicId, partition }, index) => ({
        topicId,
        partition,
        offset: resets[index]?.after ?? 0,
        leaderEpoch: -1,
        metadata: null,
      })),
    };
    const { body } = await client.call(coordinatorOf(group), offsetCommitApi, request, [], attempt);
    throwFirst(body.partitions, entries, `Resetting offsets of group ${group}`);
  });
}

/** A group that does not exist has no members either. */
async function requireEmpty(client: ClusterClient, group: string, limit: RetryLimit): Promise<void> {
  let members: readonly unknown[];
  try {
    members = (await describeMembers(client, group, limit)).members;
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'GROUP_ID_NOT_FOUND') return;
    throw error;
  }
  if (members.length === 0) return;
  throw protocolError(
    'NON_EMPTY_GROUP',
    `Group ${group} has ${members.length} member(s): its offsets can be reset only when they are stopped.`,
  );
}

async function withIds(
  client: ClusterClient,
  partitions: readonly PartitionOfTopic[],
  limit: RetryLimit,
): Promise<(PartitionOfTopic & { readonly topicId: string })[]> {
  const entries: (PartitionOfTopic & { readonly topicId: string })[] = [];
  for (const { topic, partition } of partitions) {
    const { topicId } = await client.topic(topic, limit);
    entries.push({ topic, partition, topicId });
  }
  return entries;
}

function throwFirst(
  answers: readonly { readonly error: number; readonly message: string | null }[],
  entries: readonly PartitionOfTopic[],
  what: string,
): void {
  const errors = answers.flatMap((answer, index) => {
    const { topic = '', partition = -1 } = entries[index] ?? {};
    return errorFromWire(answer, `${what}: ${topic}-${partition}`) ?? [];
  });
  const worst = errors.find(({ retriable }) => !retriable) ?? errors[0];
  if (worst !== undefined) throw worst;
}

function coordinatorOf(group: string) {
  return { coordinator: { type: 'group' as const, key: group } };
}
