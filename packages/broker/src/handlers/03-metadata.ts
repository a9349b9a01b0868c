/**
 * Metadata: nodes, topics and leaders, from the image this node has. Topics asked for by name that do not exist are
 * created first where both the request and the node allow it.
 */
import { isInternalTopic, type TopicImage } from '@millrace/controller/image';
import {
  errorByName,
  metadataApi,
  type MetadataRequest,
  type MetadataResponse,
  protocolError,
  topicNameProblem,
  type WireError,
} from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type AskedTopic = NonNullable<MetadataRequest['topics']>[number];
type Topic = MetadataResponse['topics'][number];

const leaderNotAvailable = errorByName('LEADER_NOT_AVAILABLE')?.number ?? -1;

export function metadataHandler(services: BrokerServices): AnyHandler {
  return handlerOf(metadataApi, async (request) => {
    const refused = await createMissing(services, request);
    const { image } = services.controller;
    const topics =
      request.topics === null
        ? image
            .topicsByName()
            .filter(({ name }) => request.includeInternal || !isInternalTopic(name))
            .map(describeTopic)
        : request.topics.map((asked) => describeAsked(services, asked, refused));
    const nodes = [...image.brokers.values()]
      .filter(({ roles, state }) => roles.includes('broker') && state !== 'fenced')
      .map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack }));
    const { clusterId, controller } = services;
    const { controllerId } = controller;
    return { body: { clusterId, controllerId, metadataPosition: image.position, nodes, topics } };
  });
}

/** Why topics could not be created, by name. */
async function createMissing(
  services: BrokerServices,
  request: MetadataRequest,
): Promise<ReadonlyMap<string, WireError>> {
  const refused = new Map<string, WireError>();
  if (!request.allowAutoCreate || !services.settings.autoCreateTopics || request.topics === null) return refused;
  const { controller, partitions } = services;
  const missing = new Set<string>();
  for (const { name } of request.topics) {
    if (name === null || topicNameProblem(name) !== undefined || isInternalTopic(name)) continue;
    if (controller.image.topicByName(name) === undefined) missing.add(name);
  }
  if (missing.size === 0) return refused;
  const { topics } = await controller.autoCreateTopics([...missing]);
  await partitions.settled();
  for (const { name, error, message } of topics) if (error !== 0) refused.set(name, { error, message });
  return refused;
}

function describeAsked(services: BrokerServices, asked: AskedTopic, refused: ReadonlyMap<string, WireError>): Topic {
  const { image } = services.controller;
  const { name, topicId } = asked;
  const topic = topicId !== null ? image.topicById(topicId) : name !== null ? image.topicByName(name) : undefined;
  if (topic !== undefined) return describeTopic(topic);
  const wire = (name === null ? undefined : refused.get(name)) ?? entryError(services, metadataApi, whyUnknown(asked));
  return { ...wire, name, topicId, isInternal: false, partitions: [] };
}

function whyUnknown({ name, topicId }: AskedTopic): Error {
  if (topicId !== null) return protocolError('UNKNOWN_TOPIC_ID', `There is no topic with id ${topicId}.`);
  if (name === null) return protocolError('INVALID_REQUEST', 'A topic is asked for by name or by id.');
  const problem = topicNameProblem(name);
  if (problem !== undefined) return protocolError('INVALID_TOPIC_EXCEPTION', `There can be no such topic: ${problem}.`);
  return protocolError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic ${name}: create it, or check the name.`);
}

function describeTopic(topic: TopicImage): Topic {
  return {
    error: 0,
    message: null,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.partitions.map(({ partition, leader, leaderEpoch, replicas, isr }) => ({
      partition,
      error: leader === -1 ? leaderNotAvailable : 0,
      leader,
      leaderEpoch,
      replicas,
      isr,
    })),
  };
}
