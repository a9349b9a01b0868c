import { noError, type DescribeTopicPartitionsRequest, type DescribeTopicPartitionsResponse } from '@millrace/protocol';
import { entryResult, topicNamed } from '../decisions/topic-changes.js';
import { isInternalTopic } from '../image/internal-topics.js';
import type { MetadataImage } from '../image/metadata-image.js';

export function describeTopicPartitions(
  image: MetadataImage,
  request: DescribeTopicPartitionsRequest,
): DescribeTopicPartitionsResponse {
  return {
    topics: request.topics.map((name) => {
      const { result, error } = entryResult(() => topicNamed(image, name));
      const isInternal = isInternalTopic(name);
      if (error !== undefined) return { ...error, name, topicId: null, isInternal, partitions: [] };
      const partitions = result.partitions.map(({ partition, leader, leaderEpoch, replicas, isr, elr }) => ({
        partition,
        leader,
        leaderEpoch,
        replicas,
        isr,
        elr,
      }));
      return { ...noError, name, topicId: result.topicId, isInternal, partitions };
    }),
  };
}
