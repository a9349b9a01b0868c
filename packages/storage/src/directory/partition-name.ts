/**
 * Names of the directories inside a data directory:
 *
 *     orders-3                                    partition 3 of topic `orders`
 *     orders-3.kZ1vGm0bTDmU0cFz8qRr4w-delete      the same, deleted: its topic's id, and waiting to be removed
 */
export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

const partitionPattern = /^([A-Za-z0-9._-]{1,249})-(0|[1-9]\d{0,9})$/;
const deletedSuffix = '-delete';
const deletedPattern = /^[A-Za-z0-9._-]{1,255}\.[A-Za-z0-9_-]{22}-delete$/;
const nameBytesMax = 255;

export function partitionDirectoryName(name: PartitionName): string {
  return `${name.topic}-${name.partition}`;
}

/** Undefined for a name that is not that of a partition's directory. */
export function parsePartitionDirectoryName(text: string): PartitionName | undefined {
  const [, topic, digits] = partitionPattern.exec(text) ?? [];
  if (topic === undefined || topic === '.' || topic === '..' || isDeletedDirectoryName(text)) return undefined;
  const partition = Number(digits);
  return partition < 2 ** 31 ? { topic, partition } : undefined;
}

/** Long topic names are cut: the topic's id already makes the name the only one. */
export function deletedDirectoryName(name: PartitionName, topicId: string): string {
  const tail = `.${topicId}${deletedSuffix}`;
  return partitionDirectoryName(name).slice(0, nameBytesMax - tail.length) + tail;
}

/** Strict, for what has such a name is removed: a directory that somebody else named `...-delete` is not ours. */
export function isDeletedDirectoryName(text: string): boolean {
  return deletedPattern.test(text);
}
