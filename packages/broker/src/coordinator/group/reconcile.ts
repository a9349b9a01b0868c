/**
 * One member's way from what it has to what it is to have. It gives up first; it gets nothing before nobody else has it.
 *
 *     stable --> revoking     a new target lacks something that it has: told to give it up, under its old epoch
 *     revoking --> waiting    it says that it has given all up (or is put out, when it takes too long)
 *     stable --> waiting      the target has partitions that others have not given up yet; it has the others already
 *     waiting --> stable      all of them have come
 *
 * A member that is not revoking has the epoch of the target: it can never hold at that epoch what another holds.
 */
import type { PartitionKey } from '../assignor/topic-partition.js';
import type { CurrentAssignment, GroupState, HeldPartitions, TargetAssignment } from './group-state.js';

const nothing: TargetAssignment = new Set();
const noneHeld: HeldPartitions = new Map();

export interface ReconcileInput {
  readonly group: Pick<GroupState, 'meta' | 'targets' | 'owners'>;
  readonly memberId: string;
  readonly current: CurrentAssignment;
  /** What the member says it has; undefined: it did not say. */
  readonly owned: ReadonlySet<PartitionKey> | undefined;
}

/** The same object when nothing changes. */
export function reconcile(input: ReconcileInput): CurrentAssignment {
  const { group, current, memberId, owned } = input;
  const epoch = group.meta?.assignmentEpoch ?? 0;
  if (current.state === 'stable' && current.epoch === epoch) return current;
  if (current.state === 'revoking' && !hasGivenUp(current.revoking, owned)) return current;
  const target = group.targets.get(memberId) ?? nothing;
  const assigned = new Map<PartitionKey, number>();
  const revoking = new Map<PartitionKey, number>();
  for (const [key, since] of current.assigned) {
    if (target.has(key)) assigned.set(key, since);
    else revoking.set(key, since);
  }
  if (revoking.size > 0 && !hasGivenUp(revoking, owned)) {
    return { ...current, state: 'revoking', assigned, revoking };
  }
  let isComplete = true;
  for (const key of target) {
    if (assigned.has(key)) continue;
    const owner = group.owners.get(key);
    if (owner === undefined || owner === memberId) assigned.set(key, epoch);
    else isComplete = false;
  }
  const state = isComplete ? 'stable' : 'waiting';
  const isSame = current.epoch === epoch && current.state === state && assigned.size === current.assigned.size;
  if (isSame) return current;
  const previousEpoch = current.epoch === epoch ? current.previousEpoch : current.epoch;
  return { epoch, previousEpoch, state, assigned, revoking: noneHeld };
}

function hasGivenUp(revoking: HeldPartitions, owned: ReadonlySet<PartitionKey> | undefined): boolean {
  if (owned === undefined) return false;
  for (const key of revoking.keys()) if (owned.has(key)) return false;
  return true;
}
