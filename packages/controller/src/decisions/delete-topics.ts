/** Deletes topics, by name or by id. The record names the id: a topic created later under the same name is another. */
import { protocolError, type DeleteTopicsRequest, type DeleteTopicsResponse } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage, TopicImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { DecisionDraft } from './decision-draft.js';
import { duplicates, entryResult, refuseDuplicate, refuseInternal, succeeded, topicNamed } from './topic-changes.js';

export interface DeleteTopicsCommand {
  readonly kind: 'delete-topics';
  readonly request: Pick<DeleteTopicsRequest, 'topics'>;
}

type Target = DeleteTopicsRequest['topics'][number];

export function deleteTopics(
  image: MetadataImage,
  { request }: DeleteTopicsCommand,
): Decision<MetadataRecord, DeleteTopicsResponse> {
  const draft = new DecisionDraft(image);
  const twice = duplicates(
    request.topics.map((target) => find(image, target)?.topicId ?? target.name ?? target.topicId),
  );
  const topics = request.topics.map((target) => {
    const { result, error } = entryResult(() => {
      const topic = topicOf(image, target);
      refuseDuplicate(twice, topic.topicId);
      refuseInternal(topic.name, 'deleted');
      draft.add({ type: 'remove-topic', version: 0, topicId: topic.topicId });
      return topic;
    });
    if (error !== undefined) return { ...target, ...error };
    return { name: result.name, topicId: result.topicId, ...succeeded };
  });
  return { entries: draft.entries, reply: { topics } };
}

function find(image: MetadataImage, { name, topicId }: Target): TopicImage | undefined {
  if (topicId !== null) return image.topicById(topicId);
  return name === null ? undefined : image.topicByName(name);
}

function topicOf(image: MetadataImage, { name, topicId }: Target): TopicImage {
  if ((name === null) === (topicId === null)) {
    throw protocolError('INVALID_REQUEST', 'A topic to delete is named by its name or by its id, by one of them.');
  }
  if (name !== null) return topicNamed(image, name);
  const topic = topicId === null ? undefined : image.topicById(topicId);
  if (topic === undefined) throw protocolError('UNKNOWN_TOPIC_ID', `There is no topic with id ${topicId}.`);
  return topic;
}
