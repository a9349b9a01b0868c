/**
 * The leader of a partition asks for another in-sync set: compare-and-set on the partition epoch.
 *
 * Everything the leader based its request on comes with it, and any of it that is no longer so refuses the request: its
 * own registration, its leadership, the partition's state, and the registration of each replica it names. A replica that
 * restarted since has another broker epoch and may lack what the old one had; one that is fenced or shutting down
 * would leave the set at once.
 */
import {
  protocolError,
  type AlterPartitionRequest,
  type AlterPartitionResponse,
  type WireError,
} from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage, PartitionImage, TopicImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { currentBroker } from './broker-heartbeat.js';
import { addPartitions } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { PartitionRulebook } from './partition-rules.js';
import { withIsr } from './partition-transition.js';
import { duplicates, entryResult, refuseDuplicate, succeeded } from './topic-changes.js';

export interface AlterPartitionCommand {
  readonly kind: 'alter-partition';
  readonly request: AlterPartitionRequest;
}

type Change = AlterPartitionRequest['partitions'][number];
type ChangeResult = AlterPartitionResponse['partitions'][number];

/** Throws `STALE_BROKER_EPOCH` when the sender has registered again since. */
export function alterPartition(
  image: MetadataImage,
  { request }: AlterPartitionCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, AlterPartitionResponse> {
  currentBroker(image, request.brokerId, request.brokerEpoch);
  const rulebook = new PartitionRulebook(image, policy);
  const changes = new Map<TopicImage, PartitionImage[]>();
  const twice = duplicates(request.partitions.map(nameOf));
  const partitions = request.partitions.map((change) => {
    const { result, error } = entryResult(() => {
      refuseDuplicate(twice, nameOf(change));
      const { topic, partition } = targetOf(image, change);
      checkChange(image, partition, { change, leader: request.brokerId });
      const isr = change.newIsr.map(({ brokerId }) => brokerId);
      const after = withIsr(partition, isr, rulebook.rulesOf(topic));
      if (after !== partition) changes.set(topic, [...(changes.get(topic) ?? []), after]);
      if (after.leader === request.brokerId) return after;
      // The in-sync set ended a reassignment that takes the sender away.
      throw protocolError('NEW_LEADER_ELECTED', `Node ${after.leader} leads ${nameOf(change)} now.`);
    });
    return error === undefined ? accepted(change, result) : refused(change, error);
  });
  const draft = new DecisionDraft(image);
  for (const [topic, changed] of changes) addPartitions(draft, policy, { topic, changed });
  return { entries: draft.entries, reply: { ...succeeded, partitions } };
}

function nameOf({ topicId, partition }: Pick<Change, 'topicId' | 'partition'>): string {
  return `${topicId}-${partition}`;
}

function targetOf(image: MetadataImage, change: Change): { topic: TopicImage; partition: PartitionImage } {
  const topic = image.topicById(change.topicId);
  if (topic === undefined) {
    throw protocolError('UNKNOWN_TOPIC_ID', `There is no topic with id ${change.topicId}.`);
  }
  const partition = topic.partitions[change.partition];
  if (partition !== undefined) return { topic, partition };
  throw protocolError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${topic.name}' has no partition ${change.partition}.`);
}

function checkChange(
  image: MetadataImage,
  partition: PartitionImage,
  { change, leader }: { readonly change: Change; readonly leader: number },
): void {
  const name = nameOf(change);
  if (change.leaderEpoch > partition.leaderEpoch || change.partitionEpoch > partition.partitionEpoch) {
    throw protocolError('NOT_CONTROLLER', `This controller has not heard of the state of ${name} that is to change.`);
  }
  if (change.leaderEpoch < partition.leaderEpoch) {
    throw protocolError(
      'FENCED_LEADER_EPOCH',
      `The leader epoch of ${name} is ${partition.leaderEpoch}, and ${change.leaderEpoch} is over.`,
    );
  }
  if (partition.leader !== leader) {
    throw protocolError('INVALID_REQUEST', `Node ${leader} does not lead ${name}: node ${partition.leader} does.`);
  }
  if (change.partitionEpoch < partition.partitionEpoch) {
    throw protocolError(
      'INVALID_UPDATE_VERSION',
      `The partition epoch of ${name} is ${partition.partitionEpoch}; a change of ${change.partitionEpoch} comes too late.`,
    );
  }
  checkMembers(partition, change, leader);
  for (const { brokerId, brokerEpoch } of change.newIsr) {
    const broker = image.brokers.get(brokerId);
    if (broker?.state === 'active' && broker.brokerEpoch === brokerEpoch) continue;
    const is =
      broker === undefined
        ? 'is not registered'
        : broker.state === 'active'
          ? `has broker epoch ${broker.brokerEpoch}, not ${brokerEpoch}`
          : `is ${broker.state}`;
    throw protocolError('INELIGIBLE_REPLICA', `Node ${brokerId} cannot be in the in-sync set of ${name}: it ${is}.`);
  }
}

function checkMembers({ replicas }: PartitionImage, change: Change, leader: number): void {
  const ids = change.newIsr.map(({ brokerId }) => brokerId);
  const isPossible =
    ids.includes(leader) && new Set(ids).size === ids.length && ids.every((brokerId) => replicas.includes(brokerId));
  if (isPossible) return;
  throw protocolError(
    'INVALID_REQUEST',
    `The in-sync set ${ids.join()} of ${nameOf(change)} must hold its leader ${leader} and only replicas, of ${replicas.join()}.`,
  );
}

function accepted(
  { topicId, partition }: Change,
  { leader, leaderEpoch, isr, partitionEpoch }: PartitionImage,
): ChangeResult {
  return { topicId, partition, ...succeeded, leader, leaderEpoch, isr, partitionEpoch };
}

function refused({ topicId, partition }: Change, error: WireError): ChangeResult {
  return { topicId, partition, ...error, leader: -1, leaderEpoch: -1, isr: [], partitionEpoch: -1 };
}
