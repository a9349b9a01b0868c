/**
 * The admin client: topics, settings and records as an operator sees them. Each call is repeated while it fails for
 * reasons that may pass, within its time; a failure names the topic or partition it is about.
 */
import { formatAddress, MillraceError } from '@millrace/base';
import { ClusterClient, type Attempt, type RetryLimit } from '@millrace/client';
import {
  alterPartitionReassignmentsApi,
  createPartitionsApi,
  createTopicsApi,
  deleteRecordsApi,
  deleteTopicsApi,
  addRaftVoterApi,
  describeClusterApi,
  describeQuorumApi,
  earliestTimestamp,
  electLeadersApi,
  errorFromWire,
  incrementalAlterConfigsApi,
  latestTimestamp,
  listOffsetsApi,
  listPartitionReassignmentsApi,
  maxTimestamp,
  metadataApi,
  protocolError,
  removeRaftVoterApi,
  unregisterBrokerApi,
} from '@millrace/protocol';
import type {
  AdminOptions,
  CallOptions,
  ConfigChanges,
  DeletedRecords,
  ListedOffset,
  NewTopic,
  OffsetQuery,
} from './admin-options.js';
import { askLeaders } from './ask-leaders.js';
import { configsOf, describeReplicas, describeTopic } from './describe-topic.js';
import { FinalAnswer, untilAnswered } from './final-answer.js';
import {
  groupedByTopic,
  outcomeOf,
  passingFailure,
  type ElectedLeader,
  type ElectionType,
  type OngoingReassignment,
  type Reassignment,
  type ReassignmentResult,
  type TopicPartition,
} from './replica-moves.js';
import {
  deleteGroup,
  deleteGroupOffsets,
  describeGroup,
  listGroups,
  type ListOffsets,
  resetOffsets,
} from './group-admin.js';
import type { GroupDescription, GroupSummary, OffsetReset, ResetPosition } from './group-description.js';
import {
  abortTransaction,
  describeProducers,
  describeTransaction,
  listTransactions,
  type PartitionProducer,
  type TransactionDescription,
  type TransactionFilter,
  type TransactionSummary,
} from './transaction-admin.js';
import type {
  ClusterDescription,
  CreatedTopic,
  QuorumDescription,
  ReplicaDescription,
  TopicDescription,
  TopicSummary,
  Voter,
} from './topic-description.js';

export class Admin {
  readonly #client: ClusterClient;

  constructor(options: AdminOptions) {
    this.#client = new ClusterClient(options);
  }

  /** With `validateOnly` nothing is created, and the topic id in the answer is empty: it tells what would be. */
  async createTopic(
    topic: NewTopic,
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<CreatedTopic> {
    const [created] = await this.createTopics([topic], options);
    if (created === undefined) throw protocolError('INVALID_RESPONSE', 'CreateTopics was answered without a topic.');
    return created;
  }

  /** Rejects with the first failure; other topics of the list may exist all the same. */
  async createTopics(
    topics: readonly NewTopic[],
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<CreatedTopic[]> {
    const request = topics.map(({ name, partitions, replicationFactor, configs }) => ({
      name,
      partitions: partitions ?? -1,
      replicationFactor: replicationFactor ?? -1,
      configs: Object.entries(configs ?? {}).map(([key, value]) => ({ key, value })),
    }));
    const created = new Map<string, CreatedTopic>();
    await this.#retry(options, async (attempt) => {
      const { body } = await this.#client.call(
        'controller',
        createTopicsApi,
        {
          topics: request.filter(({ name }) => !created.has(name)),
          timeoutMs: Math.ceil(attempt.timeoutMs),
          validateOnly: options.validateOnly ?? false,
        },
        [],
        attempt,
      );
      const errors = [];
      for (const { error, message, configs, topicId, ...topic } of body.topics) {
        if (error === 0) created.set(topic.name, { ...topic, topicId: topicId ?? '', configs: configsOf(configs) });
        else errors.push(refusal({ name: topic.name, error, message }, attempt));
      }
      const worst = errors.find(({ retriable }) => !retriable) ?? errors[0];
      if (worst !== undefined) throw worst;
    });
    return topics.flatMap(({ name }) => created.get(name) ?? []);
  }

  async deleteTopic(name: string, options: CallOptions = {}): Promise<void> {
    await this.deleteTopics([name], options);
  }

  /** Rejects with the first failure; other topics of the list may be gone all the same. */
  async deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<void> {
    const topics = names.map((name) => ({ name, topicId: null }));
    await this.#retry(options, async (attempt) => {
      const request = { topics, timeoutMs: Math.ceil(attempt.timeoutMs) };
      const { body } = await this.#client.call('controller', deleteTopicsApi, request, [], attempt);
      for (const entry of body.topics) throwIfUnknown(entry, `Deleting topic ${entry.name}`);
    });
  }

  /** All topics, by name. */
  async listTopics(options: CallOptions & { readonly internal?: boolean } = {}): Promise<TopicSummary[]> {
    const request = { topics: null, allowAutoCreate: false, includeInternal: options.internal ?? false };
    const { body } = await this.#retry(options, (attempt) =>
      this.#client.call('any', metadataApi, request, [], attempt),
    );
    const summaries = body.topics.map(({ name, topicId, partitions }) => ({
      name: name ?? '',
      topicId: topicId ?? '',
      partitions: partitions.length,
      replicationFactor: partitions[0]?.replicas.length ?? 0,
    }));
    return summaries.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Partitions, replicas, settings, and what the leaders have on disk. */
  describeTopic(name: string, options: CallOptions = {}): Promise<TopicDescription> {
    return this.#retry(options, (attempt) => describeTopic(this.#client, name, attempt));
  }

  /** What each node holds of its replicas of a topic. A node that could not be asked has no entries. */
  describeReplicas(topic: string, options: CallOptions = {}): Promise<ReplicaDescription[]> {
    return this.#retry(options, (attempt) => describeReplicas(this.#client, topic, attempt));
  }

  /** Grows a topic to `partitions`. Keys may from then on land in other partitions than before. */
  async createPartitions(name: string, partitions: number, options: CallOptions = {}): Promise<void> {
    await this.#retry(options, async (attempt) => {
      const request = {
        topics: [{ name, partitions }],
        timeoutMs: Math.ceil(attempt.timeoutMs),
        validateOnly: false,
      };
      const { body } = await this.#client.call('controller', createPartitionsApi, request, [], attempt);
      for (const entry of body.topics) throwIfUnknown(entry, `Growing topic ${entry.name}`);
    });
    this.#client.noteError(protocolError('UNKNOWN_TOPIC_OR_PARTITION', `Topic ${name} has grown.`), [name]);
  }

  async alterConfigs(
    name: string,
    changes: ConfigChanges,
    options: CallOptions & { readonly validateOnly?: boolean } = {},
  ): Promise<void> {
    const set = Object.entries(changes.set ?? {}).map(([key, value]) => ({ key, value }));
    const removed = (changes.delete ?? []).map((key) => ({ key, value: null }));
    await this.#retry(options, async (attempt) => {
      const request = {
        resources: [{ type: 'topic' as const, name, changes: [...set, ...removed] }],
        validateOnly: options.validateOnly ?? false,
      };
      const { body } = await this.#client.call('controller', incrementalAlterConfigsApi, request, [], attempt);
      for (const entry of body.resources) throwIfUnknown(entry, `Changing settings of topic ${entry.name}`);
    });
  }

  /** Deletes all records before `beforeOffset`, or all readable ones with 'highWatermark'. */
  async deleteRecords(
    partitions: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly beforeOffset: number | 'highWatermark';
    }[],
    options: CallOptions = {},
  ): Promise<DeletedRecords[]> {
    const replies = await askLeaders(this.#client, this.#limit(options), {
      items: partitions,
      what: 'Deleting records',
      ask: async (node, entries, limit) => {
        const request = {
          partitions: entries.map(({ topicId, partition, item: { beforeOffset } }) => ({
            topicId,
            partition,
            beforeOffset: beforeOffset === 'highWatermark' ? -1 : beforeOffset,
          })),
          timeoutMs: Math.ceil(limit.timeoutMs),
        };
        const { body } = await this.#client.call({ node }, deleteRecordsApi, request, [], limit);
        return body.partitions;
      },
    });
    return partitions.map(({ topic, partition }, index) => ({
      topic,
      partition,
      logStartOffset: replies[index]?.logStartOffset ?? -1,
    }));
  }

  async listOffsets(
    partitions: readonly { readonly topic: string; readonly partition: number; readonly at: OffsetQuery }[],
    options: CallOptions & { readonly isolation?: 'read-committed' | 'read-uncommitted' } = {},
  ): Promise<ListedOffset[]> {
    const isolation = options.isolation ?? 'read-committed';
    const replies = await askLeaders(this.#client, this.#limit(options), {
      items: partitions,
      what: 'The offset',
      ask: async (node, entries, limit) => {
        const request = {
          isolation,
          partitions: entries.map(({ topicId, partition, leaderEpoch, item: { at } }) => ({
            topicId,
            partition,
            leaderEpoch,
            timestamp: timestampOf(at),
          })),
        };
        const { body } = await this.#client.call({ node }, listOffsetsApi, request, [], limit);
        return body.partitions;
      },
    });
    return partitions.map(({ topic, partition }, index) => {
      const { offset = -1, timestamp = -1, leaderEpoch = -1 } = replies[index] ?? {};
      return { topic, partition, offset, timestampMs: timestamp, leaderEpoch };
    });
  }

  async describeCluster(options: CallOptions = {}): Promise<ClusterDescription> {
    const { body } = await this.#retry(options, (attempt) =>
      this.#client.call('any', describeClusterApi, {}, [], attempt),
    );
    const { clusterId, controllerId, metadataOffset, nodes } = body;
    return {
      clusterId,
      controllerId,
      metadataOffset,
      nodes: nodes.map(({ nodeId, roles, rack, hostLabel, host, port, state }) => ({
        nodeId,
        roles,
        rack,
        host: hostLabel,
        client: host === '' ? null : formatAddress({ host, port }),
        state,
      })),
    };
  }

  /**
   * Elects leaders; with null, wherever the preferred replica could lead and does not. Partitions whose leader stays are
   * part of the answer with a reason: the call itself does not fail for them.
   */
  electLeaders(
    electionType: ElectionType,
    partitions: readonly TopicPartition[] | null,
    options: CallOptions = {},
  ): Promise<ElectedLeader[]> {
    return this.#retry(options, async (attempt) => {
      const request = {
        electionType,
        partitions: partitions?.map(({ topic, partition }) => ({ topic, partition })) ?? null,
        timeoutMs: Math.ceil(attempt.timeoutMs),
      };
      const { body } = await this.#client.call('controller', electLeadersApi, request, [], attempt);
      throwIfPassing(body.partitions);
      return body.partitions.map((entry) => ({ ...outcomeOf(entry), leader: entry.leader }));
    });
  }

  /** The controller quorum, as its leader sees it. */
  async describeQuorum(options: CallOptions = {}): Promise<QuorumDescription> {
    const { body } = await this.#retry(options, (attempt) =>
      this.#client.call('controller', describeQuorumApi, {}, [], attempt),
    );
    return body;
  }

  /** Makes a voter of a node that follows the metadata. */
  async addVoter(voter: Voter, options: CallOptions = {}): Promise<void> {
    await this.#retry(options, (attempt) =>
      this.#client.call(
        'controller',
        addRaftVoterApi,
        { ...voter, timeoutMs: Math.ceil(attempt.timeoutMs) },
        [],
        attempt,
      ),
    );
  }

  /** Takes the vote from a node: stop it first, or it asks for its vote again. */
  async removeVoter(voter: Voter, options: CallOptions = {}): Promise<void> {
    await this.#retry(options, (attempt) =>
      this.#client.call(
        'controller',
        removeRaftVoterApi,
        { ...voter, timeoutMs: Math.ceil(attempt.timeoutMs) },
        [],
        attempt,
      ),
    );
  }

  /** Forgets a node that is gone for good. Rejects with POLICY_VIOLATION while it lives, or holds replicas. */
  async unregisterBroker(nodeId: number, options: CallOptions = {}): Promise<void> {
    await this.#retry(options, (attempt) =>
      this.#client.call(
        'controller',
        unregisterBrokerApi,
        { nodeId, timeoutMs: Math.ceil(attempt.timeoutMs) },
        [],
        attempt,
      ),
    );
  }

  /** Begins, changes or ends moves of replicas. Each partition has its own answer: the call does not fail for one. */
  reassignPartitions(moves: readonly Reassignment[], options: CallOptions = {}): Promise<ReassignmentResult[]> {
    return this.#retry(options, async (attempt) => {
      const request = { topics: groupedByTopic(moves), timeoutMs: Math.ceil(attempt.timeoutMs) };
      const { body } = await this.#client.call('controller', alterPartitionReassignmentsApi, request, [], attempt);
      throwIfPassing(body.partitions);
      return body.partitions.map(outcomeOf);
    });
  }

  /** Partitions that are being moved: of `topic`, or all. */
  async listReassignments(options: CallOptions & { readonly topic?: string } = {}): Promise<OngoingReassignment[]> {
    const { body } = await this.#retry(options, (attempt) =>
      this.#client.call('controller', listPartitionReassignmentsApi, { topics: null }, [], attempt),
    );
    return body.partitions.filter(({ topic }) => options.topic === undefined || topic === options.topic);
  }

  /** Groups of all nodes, by id. */
  listGroups(options: CallOptions = {}): Promise<GroupSummary[]> {
    return listGroups(this.#client, this.#limit(options));
  }

  /** Members, the rebalances they went through, and how far behind the group is. */
  describeGroup(group: string, options: CallOptions = {}): Promise<GroupDescription> {
    return describeGroup(this.#client, group, this.#offsetsAt(options), this.#limit(options));
  }

  /** Forgets a group that has no members, and its committed offsets. */
  async deleteGroup(group: string, options: CallOptions = {}): Promise<void> {
    await deleteGroup(this.#client, group, this.#limit(options));
  }

  /** Forgets committed offsets of topics that no member of the group reads. */
  async deleteGroupOffsets(
    group: string,
    partitions: readonly TopicPartition[],
    options: CallOptions = {},
  ): Promise<void> {
    await deleteGroupOffsets(this.#client, group, partitions, this.#limit(options));
  }

  /** Moves the committed offsets of a group that has no members, within what the partitions hold. */
  async resetGroupOffsets(
    group: string,
    reset: {
      readonly to: ResetPosition;
      /** All partitions of these topics, or the one named; all that the group has committed when left out. */
      readonly topics?: readonly { readonly topic: string; readonly partition?: number | undefined }[];
      /** Only tell what would change. */
      readonly dryRun?: boolean;
    },
    options: CallOptions = {},
  ): Promise<OffsetReset[]> {
    const limit = this.#limit(options);
    const partitions = reset.topics === undefined ? undefined : await this.#partitionsOf(reset.topics, options);
    const request = { group, partitions, to: reset.to, dryRun: reset.dryRun ?? false };
    return resetOffsets(this.#client, request, this.#offsetsAt(options), limit);
  }

  /** Transactional ids of all nodes, in their order. */
  listTransactions(filter: TransactionFilter = {}, options: CallOptions = {}): Promise<TransactionSummary[]> {
    return listTransactions(this.#client, filter, this.#limit(options));
  }

  describeTransaction(transactionalId: string, options: CallOptions = {}): Promise<TransactionDescription> {
    return describeTransaction(this.#client, transactionalId, this.#limit(options));
  }

  /** Aborts an open transaction whose producer does not end it. The producer is fenced: it has to begin anew. */
  abortTransaction(transactionalId: string, options: CallOptions = {}): Promise<void> {
    return abortTransaction(this.#client, transactionalId, this.#limit(options));
  }

  /** Who writes to these partitions (of a topic: all of them), and since which offset a transaction is open there. */
  async describeProducers(
    topics: readonly { readonly topic: string; readonly partition?: number | undefined }[],
    options: CallOptions = {},
  ): Promise<PartitionProducer[]> {
    const partitions = await this.#partitionsOf(topics, options);
    return describeProducers(this.#client, partitions, this.#limit(options));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #offsetsAt(options: CallOptions): ListOffsets {
    return (partitions) => this.listOffsets(partitions, options);
  }

  async #partitionsOf(
    topics: readonly { readonly topic: string; readonly partition?: number | undefined }[],
    options: CallOptions,
  ): Promise<TopicPartition[]> {
    const found: TopicPartition[] = [];
    for (const { topic, partition } of topics) {
      if (partition !== undefined) found.push({ topic, partition });
      else {
        const { partitions } = await this.describeTopic(topic, options);
        found.push(...partitions.map((one) => ({ topic, partition: one.partition })));
      }
    }
    return found;
  }

  #limit(options: CallOptions): RetryLimit {
    return { timeoutMs: options.timeoutMs ?? this.#client.requestTimeoutMs, signal: options.signal };
  }

  #retry<Result>(options: CallOptions, attempt: (attempt: Attempt) => Promise<Result>): Promise<Result> {
    return untilAnswered(this.#client, this.#limit(options), attempt);
  }
}

function timestampOf(at: OffsetQuery): number {
  if (at === 'latest') return latestTimestamp;
  if (at === 'earliest') return earliestTimestamp;
  if (at === 'maxTimestamp') return maxTimestamp;
  return at.timestampMs;
}

function throwIfPassing(entries: Parameters<typeof passingFailure>[0]): void {
  const failure = passingFailure(entries);
  if (failure !== undefined) throw failure;
}

/** A topic that does not exist is an answer here, not something that passes: no retry. */
function throwIfUnknown(entry: { readonly error: number; readonly message: string | null }, context: string): void {
  const error = errorFromWire(entry, context);
  if (error === undefined) return;
  throw error.code === 'UNKNOWN_TOPIC_OR_PARTITION' ? new FinalAnswer(error) : error;
}

function refusal(
  entry: { readonly name: string; readonly error: number; readonly message: string | null },
  attempt: Attempt,
): MillraceError {
  const error = errorFromWire(entry, `Creating topic ${entry.name}`) as MillraceError;
  if (error.code !== 'TOPIC_ALREADY_EXISTS' || attempt.number === 1) return error;
  const hint = 'an earlier attempt of this call went unanswered and may have created it';
  return new MillraceError(error.code, `${error.message} (${hint})`, { cause: error });
}
