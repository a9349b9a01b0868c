/**
 * Elections that somebody asks for: of the preferred replica, or, with data to lose, of any live one.
 *
 * `balanceLeaders` is the controller's own wish: it moves leaderships back to preferred replicas, a few at a time, so that
 * a broker that returns gets its share without every client asking for metadata at once.
 */
import { protocolError, type ElectLeadersRequest, type ElectLeadersResponse } from '@millrace/protocol';
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage, PartitionImage, TopicImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { addPartitions } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { PartitionRulebook } from './partition-rules.js';
import { canPreferredLead, type PartitionRules, withLeader, withPreferredLeader } from './partition-transition.js';
import { duplicates, entryResult, partitionOf, refuseDuplicate, succeeded, topicNamed } from './topic-changes.js';

export interface ElectLeadersCommand {
  readonly kind: 'elect-leaders';
  readonly request: Pick<ElectLeadersRequest, 'electionType' | 'partitions'>;
}

export interface BalanceLeadersCommand {
  readonly kind: 'balance-leaders';
  /** Leaderships to move at most. */
  readonly limit: number;
}

export interface BalanceLeadersReply {
  readonly moved: number;
  /** Partitions that another step could move. */
  readonly remaining: number;
}

type ElectionType = ElectLeadersRequest['electionType'];
type ElectionResult = ElectLeadersResponse['partitions'][number];
interface Target {
  readonly topic: string;
  readonly partition: number;
}

export function electLeaders(
  image: MetadataImage,
  { request }: ElectLeadersCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, ElectLeadersResponse> {
  const { electionType } = request;
  const rulebook = new PartitionRulebook(image, policy);
  const limit = policy.settings['max.partitions.per.request'];
  const targets = request.partitions ?? [...possible(image, rulebook, electionType)].slice(0, limit);
  if (targets.length > limit) {
    throw protocolError('POLICY_VIOLATION', `The request elects leaders of more than ${limit} partitions.`);
  }
  const elections = new Elections();
  const twice = duplicates(targets.map(nameOf));
  const partitions = targets.map((target): ElectionResult => {
    const { result, error } = entryResult(() => {
      refuseDuplicate(twice, nameOf(target));
      const topic = topicNamed(image, target.topic);
      const partition = partitionOf(topic, target.partition);
      const after = elect(partition, rulebook.rulesOf(topic), { electionType, name: nameOf(target) });
      elections.add(topic, after);
      return after.leader;
    });
    const { topic, partition } = target;
    return error === undefined
      ? { topic, partition, ...succeeded, leader: result }
      : { topic, partition, ...error, leader: -1 };
  });
  return { entries: elections.decide(image, policy), reply: { partitions } };
}

export function balanceLeaders(
  image: MetadataImage,
  { limit }: BalanceLeadersCommand,
  policy: ControllerPolicy,
): Decision<MetadataRecord, BalanceLeadersReply> {
  const rulebook = new PartitionRulebook(image, policy);
  const elections = new Elections();
  let moved = 0;
  let remaining = 0;
  for (const { topic, partition } of possible(image, rulebook, 'preferred')) {
    const at = image.topicByName(topic);
    const before = at?.partitions[partition];
    if (at === undefined || before === undefined) continue;
    if (moved === limit) {
      remaining += 1;
      continue;
    }
    elections.add(at, withPreferredLeader(before, rulebook.rulesOf(at)));
    moved += 1;
  }
  return { entries: elections.decide(image, policy), reply: { moved, remaining } };
}

class Elections {
  readonly #changes = new Map<TopicImage, PartitionImage[]>();

  add(topic: TopicImage, after: PartitionImage): void {
    const changed = this.#changes.get(topic);
    if (changed === undefined) this.#changes.set(topic, [after]);
    else changed.push(after);
  }

  decide(image: MetadataImage, policy: ControllerPolicy): readonly MetadataRecord[] {
    const draft = new DecisionDraft(image);
    for (const [topic, changed] of this.#changes) addPartitions(draft, policy, { topic, changed });
    return draft.entries;
  }
}

/** Where an election would change the leader; in a fixed order. */
function* possible(image: MetadataImage, rulebook: PartitionRulebook, type: ElectionType): Generator<Target> {
  for (const topic of image.topicsByName()) {
    const rules = rulebook.rulesOf(topic);
    for (const one of topic.partitions) {
      const isPossible =
        type === 'preferred'
          ? one.leader !== one.replicas[0] && canPreferredLead(one, rules)
          : one.leader === -1 && one.replicas.some((replica) => rules.isActive(replica));
      if (isPossible) yield { topic: topic.name, partition: one.partition };
    }
  }
}

function elect(
  partition: PartitionImage,
  rules: PartitionRules,
  { electionType, name }: { readonly electionType: ElectionType; readonly name: string },
): PartitionImage {
  const { leader, replicas } = partition;
  const isPreferred = electionType === 'preferred';
  if (isPreferred ? leader === replicas[0] : leader !== -1) {
    throw protocolError('ELECTION_NOT_NEEDED', `Node ${leader} leads ${name} already.`);
  }
  const after = isPreferred
    ? withPreferredLeader(partition, rules)
    : withLeader(partition, { ...rules, allowUncleanElection: true });
  if (after !== partition) return after;
  throw isPreferred
    ? protocolError(
        'PREFERRED_LEADER_NOT_AVAILABLE',
        `The preferred leader of ${name}, node ${replicas[0]}, is not alive or not in sync.`,
      )
    : protocolError('ELIGIBLE_LEADERS_NOT_AVAILABLE', `No replica of ${name} is alive: ${replicas.join()}.`);
}

function nameOf({ topic, partition }: Target): string {
  return `${topic}-${partition}`;
}
