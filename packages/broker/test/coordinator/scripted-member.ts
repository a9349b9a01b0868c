import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  consumerGroupDescribeApi,
  type ConsumerGroupDescribeResponse,
  consumerGroupHeartbeatApi,
  findCoordinatorApi,
  offsetCommitApi,
  offsetFetchApi,
} from '@millrace/protocol';
import type { RawClient } from '../raw-client.js';

type Owned = NonNullable<ConsumerGroupHeartbeatRequest['ownedPartitions']>;

export interface MemberOptions {
  readonly group?: string;
  readonly topics?: readonly string[];
  readonly pattern?: string;
  readonly instanceId?: string;
  readonly rackId?: string;
  readonly assignor?: string;
  readonly rebalanceTimeoutMs?: number;
}

/** Any bytes make an id; these are easy to read in a failure. */
export function memberIdOf(name: string): string {
  return `member-${name}`;
}

/** A member of a group that does what a test tells it, heartbeat by heartbeat. */
export class ScriptedMember {
  readonly memberId: string;
  client: RawClient;
  readonly #options: MemberOptions;
  epoch = 0;
  /** What it may have, and has taken: `topic-partition`. */
  owned: Owned = [];
  #names = new Map<string, string>();

  constructor(client: RawClient, name: string, options: MemberOptions = {}) {
    this.client = client;
    this.memberId = memberIdOf(name);
    this.#options = options;
  }

  get group(): string {
    return this.#options.group ?? 'g';
  }

  get partitions(): string[] {
    return this.owned
      .flatMap(({ topicId, partitions }) =>
        partitions.map((index) => `${this.#names.get(topicId) ?? topicId}-${index}`),
      )
      .sort();
  }

  async join(): Promise<ConsumerGroupHeartbeatResponse> {
    this.epoch = 0;
    this.owned = [];
    const { topics = [], pattern = '', rebalanceTimeoutMs = 60_000 } = this.#options;
    const reply = await this.send({
      memberEpoch: 0,
      clientId: 'scripted',
      rebalanceTimeoutMs,
      subscribedTopics: [...topics],
      subscribedPattern: pattern,
      rackId: this.#options.rackId ?? null,
      assignor: this.#options.assignor ?? null,
      ownedPartitions: [],
    });
    this.take(reply);
    return reply;
  }

  /** One heartbeat that says what it has, and takes in what comes back. */
  async beat(changes: Partial<ConsumerGroupHeartbeatRequest> = {}): Promise<ConsumerGroupHeartbeatResponse> {
    const reply = await this.send({ ownedPartitions: this.owned, ...changes });
    this.take(reply);
    return reply;
  }

  leave(memberEpoch: -1 | -2 = -1): Promise<ConsumerGroupHeartbeatResponse> {
    return this.send({ memberEpoch });
  }

  async send(changes: Partial<ConsumerGroupHeartbeatRequest>): Promise<ConsumerGroupHeartbeatResponse> {
    const { body } = await this.client.call(consumerGroupHeartbeatApi, {
      group: this.group,
      memberId: this.memberId,
      memberEpoch: this.epoch,
      clientId: null,
      instanceId: this.#options.instanceId ?? null,
      rackId: null,
      maxWaitMs: 0,
      rebalanceTimeoutMs: -1,
      subscribedTopics: null,
      subscribedPattern: null,
      assignor: null,
      ownedPartitions: null,
      ...changes,
    });
    return body;
  }

  take({ memberEpoch, assignment }: ConsumerGroupHeartbeatResponse): void {
    this.epoch = memberEpoch;
    if (assignment === null) return;
    for (const { topicId, topic } of assignment) this.#names.set(topicId, topic);
    this.owned = assignment.map(({ topicId, partitions }) => ({ topicId, partitions: [...partitions] }));
  }

  async commit(
    topicId: string,
    partition: number,
    offset: number,
    memberEpoch = this.epoch,
    metadata = '',
  ): Promise<number> {
    const { body } = await this.client.call(offsetCommitApi, {
      group: this.group,
      memberId: this.memberId,
      memberEpoch,
      instanceId: this.#options.instanceId ?? null,
      allowRewind: false,
      partitions: [{ topicId, partition, offset, leaderEpoch: 0, metadata }],
    });
    return body.partitions[0]?.error ?? NaN;
  }
}

/** As an operator does it, without a member. */
export async function adminCommit(
  client: RawClient,
  entry: { group?: string; topicId: string; partition?: number; offset: number; allowRewind?: boolean },
): Promise<number> {
  const { group = 'g', topicId, partition = 0, offset, allowRewind = false } = entry;
  const { body } = await client.call(offsetCommitApi, {
    group,
    memberId: '',
    memberEpoch: -1,
    instanceId: null,
    allowRewind,
    partitions: [{ topicId, partition, offset, leaderEpoch: -1, metadata: null }],
  });
  return body.partitions[0]?.error ?? NaN;
}

/** Offset by partition, of all that were committed. */
export async function committedOffsets(client: RawClient, group = 'g'): Promise<Record<string, number>> {
  const request = { group, memberId: '', memberEpoch: -1, requireStable: false, partitions: null };
  const { body } = await client.call(offsetFetchApi, request);
  return Object.fromEntries(body.partitions.map(({ topic, partition, offset }) => [`${topic}-${partition}`, offset]));
}

export async function coordinatorOf(client: RawClient, group = 'g') {
  const { body } = await client.call(findCoordinatorApi, { keyType: 'group', keys: [group] });
  const [found] = body.coordinators;
  if (found === undefined) throw new Error('no coordinator in the answer');
  return found;
}

export async function describeGroup(
  client: RawClient,
  group = 'g',
): Promise<ConsumerGroupDescribeResponse['groups'][number]> {
  const { body } = await client.call(consumerGroupDescribeApi, { groups: [group] });
  const [found] = body.groups;
  if (found === undefined) throw new Error('no group in the answer');
  return found;
}
