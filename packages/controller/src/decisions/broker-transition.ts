/** What a change of one broker's state does to the partitions it has a part in. */
import { assert } from '@millrace/base';
import { copiesOf } from '../image/effective-topic-config.js';
import type { BrokerState, MetadataImage, PartitionImage, TopicImage } from '../image/metadata-image.js';
import { partitionsRecord } from '../image/partitions-record.js';
import type { ControllerPolicy } from './controller-policy.js';
import type { DecisionDraft } from './decision-draft.js';
import { PartitionRulebook } from './partition-rules.js';
import { type Departure, type PartitionRules, withLeader, withoutReplica, withRules } from './partition-transition.js';

export interface BrokerTransition {
  readonly draft: DecisionDraft;
  readonly policy: ControllerPolicy;
  readonly nodeId: number;
}

/** Takes the broker, which is not active any more, out of every in-sync set and leadership. */
export function removeFromPartitions({ draft, policy, nodeId }: BrokerTransition, departure: Departure): void {
  changePartitions(draft, policy, (partition, rules) => withoutReplica(partition, nodeId, departure, rules));
}

/** Marks the broker active and gives it, or others, the partitions that nobody leads. */
export function activate({ draft, policy, nodeId }: BrokerTransition): void {
  addBrokerState(draft, nodeId, 'active');
  changePartitions(draft, policy, (partition, rules) =>
    partition.replicas.includes(nodeId) ? withLeader(partition, rules) : partition,
  );
}

/** Marks the broker fenced or shutting down, then moves everything off it. */
export function deactivate(transition: BrokerTransition, state: 'fenced' | 'shutting-down'): void {
  addBrokerState(transition.draft, transition.nodeId, state);
  removeFromPartitions(transition, 'clean');
}

export function leadsAny(image: MetadataImage, nodeId: number): boolean {
  for (const topic of image.topics()) if (topic.partitions.some(({ leader }) => leader === nodeId)) return true;
  return false;
}

function addBrokerState(draft: DecisionDraft, nodeId: number, state: BrokerState): void {
  const brokerEpoch = draft.image.brokers.get(nodeId)?.brokerEpoch ?? -1;
  draft.add({ type: 'broker-state', version: 0, nodeId, brokerEpoch, state });
}

/** Topics in order of their names: the same image gives the same records. */
export function changePartitions(
  draft: DecisionDraft,
  policy: ControllerPolicy,
  change: (partition: PartitionImage, rules: PartitionRules) => PartitionImage,
): void {
  const { image } = draft;
  const rulebook = new PartitionRulebook(image, policy);
  for (const topic of image.topicsByName()) {
    const rules = rulebook.rulesOf(topic);
    const changed = topic.partitions
      .map((partition) => change(partition, rules))
      .filter((partition, index) => partition !== topic.partitions[index]);
    if (changed.length > 0) addPartitions(draft, policy, { topic, changed });
  }
}

/** Adds changed partitions of a topic, and what follows for the others when a reassignment ended with them. */
export function addPartitions(
  draft: DecisionDraft,
  policy: ControllerPolicy,
  { topic, changed }: { readonly topic: TopicImage; readonly changed: readonly PartitionImage[] },
): void {
  draft.add(partitionsRecord(topic.topicId, changed));
  const after = draft.image.topicById(topic.topicId);
  if (after !== undefined && copiesOf(after) !== copiesOf(topic)) settleTopic(draft, policy, topic.topicId);
}

/**
 * Makes the partitions of a topic agree with its settings as they are in the draft. What these amount to may hang on the
 * number of copies; so this follows every change of settings or replicas, in the same decision.
 */
export function settleTopic(draft: DecisionDraft, policy: ControllerPolicy, topicId: string): void {
  const topic = draft.image.topicById(topicId);
  assert(topic !== undefined, `there is a topic ${topicId} to settle`);
  const rules = new PartitionRulebook(draft.image, policy).rulesOf(topic);
  const changed = topic.partitions
    .map((partition) => withRules(partition, rules))
    .filter((partition, index) => partition !== topic.partitions[index]);
  if (changed.length > 0) draft.add(partitionsRecord(topicId, changed));
}
