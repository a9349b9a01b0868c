/** A partition as one text, so that sets and maps can hold it: topic id, colon, index. */
export type PartitionKey = string;

/** A topic's id has a fixed length, whatever its alphabet. */
const topicIdLength = 22;

export function partitionKey(topicId: string, partition: number): PartitionKey {
  return `${topicId}:${partition}`;
}

export function topicIdOf(key: PartitionKey): string {
  return key.slice(0, topicIdLength);
}

export function indexOf(key: PartitionKey): number {
  return Number(key.slice(topicIdLength + 1));
}

/** By topic and index: total, and the same everywhere. */
export function comparePartitions(a: PartitionKey, b: PartitionKey): number {
  const [topicA, topicB] = [topicIdOf(a), topicIdOf(b)];
  if (topicA !== topicB) return topicA < topicB ? -1 : 1;
  return indexOf(a) - indexOf(b);
}

export interface TopicPartitions {
  readonly topicId: string;
  /** Ascending. */
  readonly partitions: number[];
}

/** By topic, in a fixed order. */
export function byTopic(keys: Iterable<PartitionKey>): TopicPartitions[] {
  const topics = new Map<string, number[]>();
  for (const key of keys) {
    const topicId = topicIdOf(key);
    const indexes = topics.get(topicId);
    if (indexes === undefined) topics.set(topicId, [indexOf(key)]);
    else indexes.push(indexOf(key));
  }
  return [...topics]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([topicId, partitions]) => ({ topicId, partitions: partitions.sort((a, b) => a - b) }));
}

export function* keysOf(
  topics: Iterable<{ readonly topicId: string; readonly partitions: readonly number[] }>,
): Generator<PartitionKey, void, undefined> {
  for (const { topicId, partitions } of topics) for (const index of partitions) yield partitionKey(topicId, index);
}
