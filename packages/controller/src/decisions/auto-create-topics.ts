/** Creates topics that a client asked for by using them. One that is there already is the success that was wanted. */
import { protocolError, type CreateTopicsResponse } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import type { ControllerPolicy } from './controller-policy.js';
import { created, createTopic, refused } from './create-topics.js';
import { DecisionDraft } from './decision-draft.js';
import { entryResult } from './topic-changes.js';

export interface AutoCreateTopicsCommand {
  readonly kind: 'auto-create-topics';
  readonly names: readonly string[];
  /** Drawn at random, one for each name. */
  readonly topicIds: readonly string[];
}

export function autoCreateTopics(
  image: MetadataImage,
  { names, topicIds }: AutoCreateTopicsCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, CreateTopicsResponse> {
  const draft = new DecisionDraft(image);
  const topics = names.map((name, index) => {
    const { result, error } = entryResult(() => {
      const existing = draft.image.topicByName(name);
      if (existing !== undefined) return existing;
      if (!policy.settings['auto.create.topics.enable']) {
        throw protocolError(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `Topic '${name}' does not exist, and auto.create.topics.enable is false: create it first.`,
        );
      }
      const wanted = { name, partitions: -1, replicationFactor: -1, configs: [] };
      return createTopic(draft, { wanted, topicId: topicIds[index], before: image.partitionCount }, policy);
    });
    return error === undefined ? created(result, policy, false) : refused(name, error);
  });
  return { entries: draft.entries, reply: { topics } };
}
