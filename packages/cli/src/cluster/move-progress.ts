/**
 * How far replicas that are being moved have come: what each new one holds, beside what its leader holds. Bytes of two
 * replicas of one partition differ a little where they were compacted apart, so a part is never more than the whole.
 */
import type { OngoingReassignment, ReplicaDescription } from '@millrace/admin';

/** One new replica. */
export interface CopyProgress {
  readonly nodeId: number;
  readonly copiedBytes: number;
  /** What the leader holds; null while it could not be asked. */
  readonly totalBytes: number | null;
}

export interface MoveProgress {
  readonly partition: number;
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  readonly copies: readonly CopyProgress[];
}

/** A node that does not tell of its replica has not begun yet, or cannot be asked: 0 bytes are there. */
export function moveProgress(
  ongoing: readonly OngoingReassignment[],
  replicas: readonly ReplicaDescription[],
): MoveProgress[] {
  return ongoing.map(({ partition, adding, removing }) => {
    const those = replicas.filter((replica) => replica.partition === partition);
    const totalBytes = those.find(({ isLeader }) => isLeader)?.sizeBytes ?? null;
    const copies = adding.map((nodeId): CopyProgress => {
      const sizeBytes = those.find((replica) => replica.nodeId === nodeId)?.sizeBytes ?? 0;
      return { nodeId, copiedBytes: Math.min(sizeBytes, totalBytes ?? sizeBytes), totalBytes };
    });
    return { partition, adding, removing, copies };
  });
}
