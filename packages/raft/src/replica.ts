import { assert } from '@millrace/base';

/**
 * One replica of the log: a node id together with the UUID of the directory its log is in.
 *
 * A node that comes back with an emptied or another disk has the old id and a new directory id, and is another replica:
 * it has forgotten what the old one had promised, so its votes and acknowledgements must not count as the old one's.
 */
export interface ReplicaKey {
  readonly id: number;
  readonly directoryId: string;
}

export function replicaKey(id: number, directoryId: string): ReplicaKey {
  assert(Number.isSafeInteger(id) && id >= 0, `a node id is a whole number from 0, got ${id}`);
  assert(directoryId.length > 0, `replica ${id} has no directory id`);
  return { id, directoryId };
}

export function isSameReplica(a: ReplicaKey | undefined, b: ReplicaKey | undefined): boolean {
  return a !== undefined && b !== undefined && a.id === b.id && a.directoryId === b.directoryId;
}

/** For maps and for people. */
export function replicaName(replica: ReplicaKey): string {
  return `${replica.id}@${replica.directoryId}`;
}
