import { effectiveTopicConfig } from '../image/effective-topic-config.js';
import type { MetadataImage, TopicImage } from '../image/metadata-image.js';
import type { ControllerPolicy } from './controller-policy.js';
import type { PartitionRules } from './partition-transition.js';

/** What a topic's settings and the brokers' states mean to its partitions. */
export function partitionRules(image: MetadataImage, topic: TopicImage, policy: ControllerPolicy): PartitionRules {
  const { values } = effectiveTopicConfig(topic, policy.nodeDefaults);
  return {
    minInsyncReplicas: values['min.insync.replicas'],
    allowUncleanElection: values['unclean.leader.election.enable'],
    isActive: (nodeId) => image.brokers.get(nodeId)?.state === 'active',
  };
}
