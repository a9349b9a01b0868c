/** Creates topics: each of a request succeeds or fails alone, and those that succeed are committed together. */
import { assert } from '@millrace/base';
import { protocolError, type CreateTopicsRequest, type CreateTopicsResponse } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { effectiveTopicConfig, topicConfigValues } from '../image/effective-topic-config.js';
import type { MetadataImage, TopicImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { partitionsRecord } from '../image/partitions-record.js';
import { metadataTopic } from '../metadata-topic.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { checkPartitionLimits, newPartitions, usableBrokers } from './new-partitions.js';
import {
  checkedConfigs,
  checkNewTopicName,
  duplicates,
  entryResult,
  refuseDuplicate,
  succeeded,
} from './topic-changes.js';

export interface CreateTopicsCommand {
  readonly kind: 'create-topics';
  readonly request: Pick<CreateTopicsRequest, 'topics' | 'validateOnly'>;
  /** Drawn at random, one for each topic of the request. */
  readonly topicIds: readonly string[];
}

type NewTopic = CreateTopicsRequest['topics'][number];
type TopicResult = CreateTopicsResponse['topics'][number];

/** Copies that a topic gets by default, when there are so many brokers. */
const defaultReplicas = 3;

export function createTopics(
  image: MetadataImage,
  { request, topicIds }: CreateTopicsCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, CreateTopicsResponse> {
  const draft = new DecisionDraft(image);
  const twice = duplicates(request.topics.map(({ name }) => name));
  const topics = request.topics.map((wanted, index): TopicResult => {
    const { result, error } = entryResult(() => {
      refuseDuplicate(twice, wanted.name);
      return createTopic(draft, { wanted, topicId: topicIds[index], before: image.partitionCount }, policy);
    });
    if (error !== undefined) return refused(wanted.name, error);
    return created(result, policy, request.validateOnly);
  });
  return { entries: request.validateOnly ? [] : draft.entries, reply: { topics } };
}

/** What the reply says of a topic that exists now, or would. */
export function created(topic: TopicImage, policy: ControllerPolicy, validateOnly: boolean): TopicResult {
  return {
    name: topic.name,
    topicId: validateOnly ? null : topic.topicId,
    ...succeeded,
    partitions: topic.partitions.length,
    replicationFactor: topic.partitions[0]?.replicas.length ?? -1,
    configs: [...effectiveTopicConfig(topic, policy.nodeDefaults).entries],
  };
}

export function refused(name: string, error: Pick<TopicResult, 'error' | 'message'>): TopicResult {
  return { name, topicId: null, ...error, partitions: -1, replicationFactor: -1, configs: [] };
}

interface TopicCreation {
  readonly wanted: NewTopic;
  readonly topicId: string | undefined;
  /** Partitions of the cluster before the request. */
  readonly before: number;
}

/** Adds the topic to the draft; throws the typed error that says why it cannot be. */
export function createTopic(
  draft: DecisionDraft,
  { wanted, topicId, before }: TopicCreation,
  policy: ControllerPolicy,
): TopicImage {
  const { name } = wanted;
  assert(topicId !== undefined && draft.image.topicById(topicId) === undefined, `topic ${name} has an id of its own`);
  checkNewTopicName(draft.image, name);
  if (name === metadataTopic.name) {
    throw protocolError('INVALID_TOPIC_EXCEPTION', `The name '${name}' is taken by the cluster itself.`);
  }
  const configs = configsOf(wanted);
  const count = partitionsOf(wanted, policy);
  const replicationFactor = replicationFactorOf(draft.image, wanted, policy);
  checkPartitionLimits(draft.image, { count, inThisRequest: draft.image.partitionCount - before }, policy);
  const minInsyncReplicas = topicConfigValues({ configs, copies: replicationFactor }, policy.nodeDefaults)[
    'min.insync.replicas'
  ];
  const partitions = newPartitions(draft.image, { from: 0, count, replicationFactor, minInsyncReplicas });
  draft.add({ type: 'topic', version: 0, topicId, name });
  draft.add(partitionsRecord(topicId, partitions));
  const changes = [...configs].map(([key, value]) => ({ key, value }));
  if (changes.length > 0) draft.add({ type: 'topic-configs', version: 0, topicId, changes });
  const topic = draft.image.topicById(topicId);
  assert(topic !== undefined, `topic ${name} is in the image after its records`);
  return topic;
}

function configsOf({ name, configs }: NewTopic): Map<string, string> {
  const [key] = duplicates(configs.map((config) => config.key));
  if (key !== undefined) throw protocolError('INVALID_CONFIG', `Topic '${name}' is given ${key} more than once.`);
  return checkedConfigs(new Map(configs.map((config) => [config.key, config.value])));
}

function partitionsOf({ name, partitions }: NewTopic, policy: ControllerPolicy): number {
  if (partitions === -1) return policy.settings['num.partitions'];
  if (partitions >= 1) return partitions;
  throw protocolError('INVALID_PARTITIONS', `Topic '${name}' must have at least 1 partition, not ${partitions}.`);
}

function replicationFactorOf(
  image: MetadataImage,
  { name, replicationFactor }: NewTopic,
  policy: ControllerPolicy,
): number {
  if (replicationFactor >= 1) return replicationFactor;
  if (replicationFactor !== -1) {
    throw protocolError(
      'INVALID_REPLICATION_FACTOR',
      `Topic '${name}' must have a replication factor of at least 1, not ${replicationFactor}.`,
    );
  }
  const configured = policy.settings['default.replication.factor'];
  return configured > 0 ? configured : Math.max(1, Math.min(defaultReplicas, usableBrokers(image).length));
}
