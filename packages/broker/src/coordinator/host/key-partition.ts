/**
 * Which partition of a coordinator's topic looks after a key (a group id, a transactional id). Every node and every release
 * must find the same one: Java's string hash, as Kafka uses it.
 */
export function keyPartition(key: string, partitions: number): number {
  let hash = 0;
  for (let index = 0; index < key.length; index += 1) hash = (Math.imul(hash, 31) + key.charCodeAt(index)) | 0;
  return (hash & 0x7fffffff) % partitions;
}
