/** Grows topics. A topic never shrinks: the records of the partitions taken away would be lost. */
import { protocolError, type CreatePartitionsRequest, type CreatePartitionsResponse } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import { copiesOf, effectiveTopicConfig } from '../image/effective-topic-config.js';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { partitionsRecord } from '../image/partitions-record.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { checkPartitionLimits, newPartitions } from './new-partitions.js';
import { duplicates, entryResult, refuseDuplicate, refuseInternal, succeeded, topicNamed } from './topic-changes.js';

export interface CreatePartitionsCommand {
  readonly kind: 'create-partitions';
  readonly request: Pick<CreatePartitionsRequest, 'topics' | 'validateOnly'>;
}

export function createPartitions(
  image: MetadataImage,
  { request }: CreatePartitionsCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, CreatePartitionsResponse> {
  const draft = new DecisionDraft(image);
  const twice = duplicates(request.topics.map(({ name }) => name));
  const topics = request.topics.map(({ name, partitions }) => {
    const { error } = entryResult(() => {
      refuseDuplicate(twice, name);
      const topic = topicNamed(image, name);
      refuseInternal(name, 'given more partitions');
      const from = topic.partitions.length;
      const count = partitions - from;
      if (count < 1) {
        throw protocolError(
          'INVALID_PARTITIONS',
          count === 0
            ? `Topic '${name}' has ${from} partitions already.`
            : `Topic '${name}' has ${from} partitions and cannot be reduced to ${partitions}.`,
        );
      }
      const inThisRequest = draft.image.partitionCount - image.partitionCount;
      checkPartitionLimits(draft.image, { count, inThisRequest }, policy);
      const replicationFactor = copiesOf(topic);
      const minInsyncReplicas = effectiveTopicConfig(topic, policy.nodeDefaults).values['min.insync.replicas'];
      const wanted = { from, count, replicationFactor, minInsyncReplicas };
      draft.add(partitionsRecord(topic.topicId, newPartitions(draft.image, wanted)));
    });
    return { name, ...(error ?? succeeded) };
  });
  return { entries: request.validateOnly ? [] : draft.entries, reply: { topics } };
}
