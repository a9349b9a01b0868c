/**
 * Moves partitions to other brokers. A move is part of the partition's state and ends by itself:
 *
 *     replicas 1,2,3                          asked for 3,4,5
 *     replicas 3,4,5,1,2  adding 4,5  removing 1,2     the new ones are filled, the old ones still count
 *     replicas 3,4,5                          when 4 and 5 are in sync: see partition-transition.ts
 *
 * Asking again while a move is under way replaces its target; asking for null ends it and goes back.
 */
import {
  protocolError,
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
} from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage, PartitionImage, TopicImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { addPartitions } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { PartitionRulebook } from './partition-rules.js';
import { isReassigning, type PartitionRules, withoutReassignment, withReassignment } from './partition-transition.js';
import { duplicates, entryResult, partitionOf, refuseDuplicate, succeeded, topicNamed } from './topic-changes.js';

export interface ReassignPartitionsCommand {
  readonly kind: 'reassign-partitions';
  readonly request: Pick<AlterPartitionReassignmentsRequest, 'topics'>;
}

type Target = AlterPartitionReassignmentsRequest['topics'][number]['partitions'][number];

export function reassignPartitions(
  image: MetadataImage,
  { request }: ReassignPartitionsCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, AlterPartitionReassignmentsResponse> {
  const targets = request.topics.flatMap(({ name, partitions }) => partitions.map((target) => ({ name, target })));
  const limit = policy.settings['max.partitions.per.request'];
  if (targets.length > limit) {
    throw protocolError('POLICY_VIOLATION', `The request moves more than ${limit} partitions.`);
  }
  const rulebook = new PartitionRulebook(image, policy);
  const changes = new Map<TopicImage, PartitionImage[]>();
  const twice = duplicates(targets.map(({ name, target }) => `${name}-${target.partition}`));
  const partitions = targets.map(({ name, target }) => {
    const { error } = entryResult(() => {
      const where = `${name}-${target.partition}`;
      refuseDuplicate(twice, where);
      const topic = topicNamed(image, name);
      const before = partitionOf(topic, target.partition);
      const after = reassigned(image, before, { target, where, rules: rulebook.rulesOf(topic) });
      if (after !== before) changes.set(topic, [...(changes.get(topic) ?? []), after]);
    });
    return { topic: name, partition: target.partition, ...(error ?? succeeded) };
  });
  const draft = new DecisionDraft(image);
  for (const [topic, changed] of changes) addPartitions(draft, policy, { topic, changed });
  return { entries: draft.entries, reply: { partitions } };
}

interface Reassignment {
  readonly target: Target;
  readonly where: string;
  readonly rules: PartitionRules;
}

function reassigned(
  image: MetadataImage,
  before: PartitionImage,
  { target: { replicas }, where, rules }: Reassignment,
): PartitionImage {
  if (replicas === null) {
    if (!isReassigning(before)) throw protocolError('NO_REASSIGNMENT_IN_PROGRESS', `${where} is not being moved.`);
    const after = withoutReassignment(before, rules);
    if (after !== undefined) return after;
  } else {
    checkTarget(image, replicas, where);
    const after = withReassignment(before, replicas, rules);
    if (after !== undefined) return after;
  }
  throw protocolError(
    'INVALID_REPLICA_ASSIGNMENT',
    `Too few of the replicas of ${where} from before the move are in sync: without those that it added, acknowledged ` +
      'records would be left on fewer nodes than min.insync.replicas.',
  );
}

function checkTarget(image: MetadataImage, replicas: readonly number[], where: string): void {
  if (replicas.length === 0) throw protocolError('INVALID_REPLICA_ASSIGNMENT', `${where} needs a replica.`);
  if (new Set(replicas).size < replicas.length) {
    throw protocolError('INVALID_REPLICA_ASSIGNMENT', `The replicas ${replicas.join()} of ${where} repeat a node.`);
  }
  for (const nodeId of replicas) {
    const broker = image.brokers.get(nodeId);
    if (broker?.roles.includes('broker') === true && broker.state !== 'shutting-down') continue;
    throw protocolError(
      'INVALID_REPLICA_ASSIGNMENT',
      `Node ${nodeId} cannot hold ${where}: it is ${broker === undefined ? 'not a broker of this cluster' : 'shutting down'}.`,
    );
  }
}
