import { copiesOf, effectiveTopicConfig } from '../image/effective-topic-config.js';
import type { MetadataImage, TopicImage } from '../image/metadata-image.js';
import type { ControllerPolicy } from './controller-policy.js';
import type { PartitionRules } from './partition-transition.js';

/**
 * What topics' settings and brokers' states mean to their partitions, with one look at each. Topics without settings of
 * their own, which are most of many, share what follows from their number of copies.
 */
export class PartitionRulebook {
  readonly #image: MetadataImage;
  readonly #policy: ControllerPolicy;
  readonly #byCopies = new Map<number, PartitionRules>();

  constructor(image: MetadataImage, policy: ControllerPolicy) {
    this.#image = image;
    this.#policy = policy;
  }

  rulesOf(topic: TopicImage): PartitionRules {
    if (topic.configs.size > 0) return this.#read(topic);
    const copies = copiesOf(topic);
    let rules = this.#byCopies.get(copies);
    if (rules === undefined) {
      rules = this.#read(topic);
      this.#byCopies.set(copies, rules);
    }
    return rules;
  }

  #read(topic: TopicImage): PartitionRules {
    const { values } = effectiveTopicConfig(topic, this.#policy.nodeDefaults);
    return {
      minInsyncReplicas: values['min.insync.replicas'],
      allowUncleanElection: values['unclean.leader.election.enable'],
      isActive: (nodeId) => this.#image.brokers.get(nodeId)?.state === 'active',
    };
  }
}
