/** Which topics the members of a group read, by the metadata of the moment. */
import { isInternalTopic, type MetadataImage, type TopicImage } from '@millrace/controller/image';
import type { AssignableTopic } from '../assignor/assignor.js';
import type { GroupMember, GroupMeta, GroupState } from './group-state.js';
import { type TopicPattern, topicPattern } from './topic-pattern.js';

export type Topics = Pick<MetadataImage, 'position' | 'topicByName' | 'topicById' | 'topics' | 'brokers'>;

export interface Subscriptions {
  /** All that some member reads, by id. */
  readonly topics: readonly TopicImage[];
  /** Ids by member. */
  readonly byMember: ReadonlyMap<string, ReadonlySet<string>>;
}

export function subscriptionsOf({ members }: GroupState, image: Topics): Subscriptions {
  const found = new Map<string, TopicImage>();
  const byMember = new Map<string, ReadonlySet<string>>();
  const matched = new Map<string, readonly TopicImage[]>();
  for (const [memberId, member] of members.entries()) {
    const topics = [...namedTopics(member, image), ...matchedTopics(member, image, matched)];
    for (const topic of topics) found.set(topic.topicId, topic);
    byMember.set(memberId, new Set(topics.map(({ topicId }) => topicId)));
  }
  const topics = [...found.values()].sort((a, b) => (a.topicId < b.topicId ? -1 : 1));
  return { topics, byMember };
}

/** As the group's record keeps them. */
export function topicsRecord({ topics }: Subscriptions): GroupMeta['topics'] {
  return topics.map(({ topicId, name, partitions }) => ({ topicId, name, partitions: partitions.length }));
}

/** What changed between two of them, in words; undefined when nothing did. */
export function topicsDifference(before: GroupMeta['topics'], after: GroupMeta['topics']): string | undefined {
  const old = new Map(before.map((topic) => [topic.topicId, topic]));
  const words: string[] = [];
  for (const { topicId, name, partitions } of after) {
    const was = old.get(topicId);
    if (was === undefined) words.push(`topic ${name} (${partitions} partitions) is new`);
    else if (was.partitions !== partitions)
      words.push(`topic ${name} has ${partitions} partitions, not ${was.partitions}`);
    old.delete(topicId);
  }
  for (const { name } of old.values()) words.push(`topic ${name} is gone`);
  return words.length === 0 ? undefined : words.join(', ');
}

/** Whether a topic of this name concerns the member. */
export function isSubscribed(member: GroupMember, name: string): boolean {
  if (member.topics.includes(name)) return true;
  return member.pattern !== '' && !isInternalTopic(name) && compiled(member.pattern).matches(name);
}

/** With racks where any member says its own. */
export function assignableTopics({ members }: GroupState, { topics }: Subscriptions, image: Topics): AssignableTopic[] {
  let usesRacks = false;
  for (const { rackId } of members.values()) usesRacks ||= rackId !== null;
  return topics.map((topic) => ({
    topicId: topic.topicId,
    partitions: topic.partitions.length,
    ...(usesRacks ? { racksOf: (index: number) => racksOf(topic, index, image) } : {}),
  }));
}

function racksOf(topic: TopicImage, index: number, { brokers }: Topics): ReadonlySet<string> {
  const racks = (topic.partitions[index]?.replicas ?? []).map((nodeId) => brokers.get(nodeId)?.rack ?? null);
  return new Set(racks.filter((rack) => rack !== null));
}

function namedTopics({ topics }: GroupMember, image: Topics): TopicImage[] {
  return topics.flatMap((name) => image.topicByName(name) ?? []);
}

function matchedTopics(
  { pattern }: GroupMember,
  image: Topics,
  matched: Map<string, readonly TopicImage[]>,
): readonly TopicImage[] {
  if (pattern === '') return [];
  let topics = matched.get(pattern);
  if (topics === undefined) {
    const matcher = compiled(pattern);
    topics = [...image.topics()].filter(({ name }) => !isInternalTopic(name) && matcher.matches(name));
    matched.set(pattern, topics);
  }
  return topics;
}

/** The pattern was checked when the member came with it; one that a later release took matches nothing here. */
function compiled(pattern: string): TopicPattern {
  try {
    return topicPattern(pattern);
  } catch {
    return { linkCount: 0, matches: () => false };
  }
}

/** Whether any member reads one of these topics. */
export function isConcerned({ members }: GroupState, names: readonly string[]): boolean {
  for (const member of members.values()) if (names.some((name) => isSubscribed(member, name))) return true;
  return false;
}
