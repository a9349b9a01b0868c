/**
 * How a partition's leader, in-sync set (ISR), eligible leader replicas (ELR) and replicas change.
 *
 *     broker fenced, restarts, shuts down  -> leaves the ISR; into the ELR when the ISR falls below min.insync.replicas
 *     leader asks for another ISR          -> so be it; who leaves goes into the ELR by the same rule
 *     ISR at min.insync.replicas again     -> the ELR is empty
 *     leader gone                          -> first live replica of the ISR, else of the ELR, else nobody
 *     broker active again                  -> leads what nobody leads, if it is in ISR or ELR
 *     nobody of ISR and ELR is left        -> any live replica, only where an operator or the topic's
 *                                             unclean.leader.election.enable says so
 *     reassignment                         -> replicas of old and new together; when all new ones are in sync, the new
 *
 * A replica is in the ELR because the high watermark stands still below min.insync.replicas: it holds all that was
 * acknowledged, though it may lack later records. So everything that changes what min.insync.replicas amounts to must
 * go through here, in the same decision: a lower one lets the high watermark move without the ELR.
 *
 * Each change raises the partition epoch. The leader epoch rises with each change of the leader, also to nobody, and
 * when a replica is taken away: what it still fetches for the old epoch then counts no more.
 */
import type { PartitionImage } from '../image/metadata-image.js';

/** How a replica left. */
export type Departure =
  /** Silent or shut down: its disk holds what it acknowledged. */
  | 'clean'
  /** Its process or machine died: what it had not synced may be gone. */
  | 'unclean'
  /** It came back with another data directory: it holds nothing. */
  | 'new-directory';

export interface PartitionRules {
  /** The topic's setting, which may be above the number of copies. */
  readonly minInsyncReplicas: number;
  readonly allowUncleanElection: boolean;
  isActive(nodeId: number): boolean;
}

/** What a change asks for; the rest follows. */
interface Wanted {
  readonly isr?: readonly number[];
  /** Leads from now on; it is in the ISR and active. */
  readonly leader?: number;
  readonly replicas?: readonly number[];
  readonly adding?: readonly number[];
  readonly removing?: readonly number[];
  /** Left the ISR and must not be in the ELR. */
  readonly dropped?: number;
}

interface Membership {
  readonly leader: number;
  readonly isr: readonly number[];
  readonly elr: readonly number[];
}

/** The partition without the replica in its ISR; the same object when nothing changes. */
export function withoutReplica(
  partition: PartitionImage,
  nodeId: number,
  departure: Departure,
  rules: PartitionRules,
): PartitionImage {
  const isr = partition.isr.filter((replica) => replica !== nodeId);
  const wasInSync = isr.length < partition.isr.length;
  const isEligible = partition.elr.includes(nodeId);
  if (!wasInSync && (departure === 'clean' || !isEligible)) return partition;
  // The last one that may hold all acknowledged records stays eligible after a crash: what it acknowledged was synced,
  // and without it the partition could never come back by itself.
  const isLast = isr.length + partition.elr.length - (isEligible ? 1 : 0) === 0;
  const staysEligible = departure === 'clean' || (departure === 'unclean' && isLast);
  return changed(partition, staysEligible ? { isr } : { isr, dropped: nodeId }, rules);
}

/** The partition with a leader, if it has none and somebody may lead; the same object when nothing changes. */
export function withLeader(partition: PartitionImage, rules: PartitionRules): PartitionImage {
  return partition.leader === -1 ? changed(partition, {}, rules) : partition;
}

/** The in-sync set that the leader asks for, which has the leader and live replicas only. */
export function withIsr(partition: PartitionImage, isr: readonly number[], rules: PartitionRules): PartitionImage {
  return changed(partition, { isr }, rules);
}

/** The partition led by its first replica, if that is in sync and alive; the same object when it is not, or leads. */
export function withPreferredLeader(partition: PartitionImage, rules: PartitionRules): PartitionImage {
  return canPreferredLead(partition, rules) ? changed(partition, { leader: preferredOf(partition) }, rules) : partition;
}

export function canPreferredLead(partition: PartitionImage, rules: PartitionRules): boolean {
  const preferred = preferredOf(partition);
  return partition.isr.includes(preferred) && rules.isActive(preferred);
}

/** As the rules are now: another min.insync.replicas, another setting of unclean elections. */
export function withRules(partition: PartitionImage, rules: PartitionRules): PartitionImage {
  return changed(partition, {}, rules);
}

/**
 * On its way to other replicas, or there already; from where it was before any reassignment under way. Undefined when
 * that would take away replicas that hold acknowledged records and leave too few that do.
 */
export function withReassignment(
  partition: PartitionImage,
  target: readonly number[],
  rules: PartitionRules,
): PartitionImage | undefined {
  const before = replicasBefore(partition);
  const adding = target.filter((replica) => !before.includes(replica));
  const removing = before.filter((replica) => !target.includes(replica));
  const replicas = [...target, ...removing];
  // Replicas that only the earlier reassignment added go at once.
  return replaced(partition, { replicas, adding, removing }, rules);
}

/** Without the reassignment under way; undefined when too few of the replicas from before it are in sync. */
export function withoutReassignment(partition: PartitionImage, rules: PartitionRules): PartitionImage | undefined {
  return replaced(partition, { replicas: replicasBefore(partition), adding: [], removing: [] }, rules);
}

function replaced(
  partition: PartitionImage,
  wanted: Required<Pick<Wanted, 'replicas' | 'adding' | 'removing'>>,
  rules: PartitionRules,
): PartitionImage | undefined {
  const isr = partition.isr.filter((replica) => wanted.replicas.includes(replica));
  const after = changed(partition, { ...wanted, isr }, rules);
  const holders = [...after.isr, ...after.elr];
  const isSomeoneLost = [...partition.isr, ...partition.elr].some((replica) => !holders.includes(replica));
  return isSomeoneLost && holders.length < after.minInsyncReplicas ? undefined : after;
}

export function isReassigning({ adding, removing }: PartitionImage): boolean {
  return adding.length > 0 || removing.length > 0;
}

/** What `min.insync.replicas` amounts to: more copies than there are cannot be asked for. */
export function effectiveMinInsyncReplicas(setting: number, copies: number): number {
  return Math.max(1, Math.min(setting, copies));
}

/** The replicas from before a reassignment. */
function replicasBefore({ replicas, adding }: PartitionImage): readonly number[] {
  return replicas.filter((replica) => !adding.includes(replica));
}

function preferredOf({ replicas }: PartitionImage): number {
  return replicas[0] ?? -1;
}

/** The one place where a partition becomes another. */
function changed(before: PartitionImage, wanted: Wanted, rules: PartitionRules): PartitionImage {
  let after = derived(before, wanted, rules);
  // An election from the ELR changes the ISR, and that may be what a reassignment waited for.
  if (isReassigning(after)) after = derived(after, {}, rules);
  if (isSamePartition(before, after)) return before;
  const isFenced =
    after.leader !== before.leader || before.replicas.some((replica) => !after.replicas.includes(replica));
  return {
    ...after,
    leaderEpoch: before.leaderEpoch + (isFenced ? 1 : 0),
    partitionEpoch: before.partitionEpoch + 1,
  };
}

/** All that follows from what is wanted, but for the epochs. */
function derived(before: PartitionImage, wanted: Wanted, rules: PartitionRules): PartitionImage {
  const moved = moveOf(before, wanted, rules);
  const { replicas, isr } = moved;
  const minInsyncReplicas = effectiveMinInsyncReplicas(rules.minInsyncReplicas, replicas.length - moved.adding.length);
  const elr =
    isr.length >= minInsyncReplicas
      ? []
      : [...before.elr, ...before.isr].filter(
          (replica, index, all) =>
            all.indexOf(replica) === index &&
            replica !== wanted.dropped &&
            replicas.includes(replica) &&
            !isr.includes(replica),
        );
  const leader = wanted.leader ?? before.leader;
  const keeps = leader !== -1 && isr.includes(leader) && rules.isActive(leader);
  const now = keeps ? { leader, isr, elr } : elected({ replicas, isr, elr, minInsyncReplicas }, rules);
  return { ...before, ...moved, ...now, minInsyncReplicas };
}

interface Move {
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
  readonly isr: readonly number[];
}

/**
 * Ends a reassignment when all that it adds are in sync and what stays is enough by itself: enough to acknowledge, and
 * to be led. Before that the ones to go hold records that others may lack.
 */
function moveOf(before: PartitionImage, wanted: Wanted, rules: PartitionRules): Move {
  const { replicas, adding, removing, isr } = { ...before, ...wanted };
  const now = { replicas, adding, removing, isr };
  if (adding.length === 0 && removing.length === 0) return now;
  const staying = replicas.filter((replica) => !removing.includes(replica));
  const inSync = isr.filter((replica) => staying.includes(replica));
  const isDone =
    adding.every((replica) => inSync.includes(replica)) &&
    inSync.length >= effectiveMinInsyncReplicas(rules.minInsyncReplicas, staying.length) &&
    inSync.some((replica) => rules.isActive(replica));
  return isDone ? { replicas: staying, adding: [], removing: [], isr: inSync } : now;
}

interface Voters {
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  readonly elr: readonly number[];
  readonly minInsyncReplicas: number;
}

function elected({ replicas, isr, elr, minInsyncReplicas }: Voters, rules: PartitionRules): Membership {
  const fromIsr = replicas.find((replica) => isr.includes(replica) && rules.isActive(replica));
  if (fromIsr !== undefined) return { leader: fromIsr, isr, elr };
  const fromElr = replicas.find((replica) => elr.includes(replica) && rules.isActive(replica));
  if (fromElr !== undefined) {
    const grown = [...isr, fromElr];
    const others = elr.filter((replica) => replica !== fromElr);
    return { leader: fromElr, isr: grown, elr: grown.length >= minInsyncReplicas ? [] : others };
  }
  const unclean = rules.allowUncleanElection ? replicas.find((replica) => rules.isActive(replica)) : undefined;
  return unclean === undefined ? { leader: -1, isr, elr } : { leader: unclean, isr: [unclean], elr: [] };
}

function isSamePartition(a: PartitionImage, b: PartitionImage): boolean {
  return (
    a.leader === b.leader &&
    a.minInsyncReplicas === b.minInsyncReplicas &&
    isSame(a.isr, b.isr) &&
    isSame(a.elr, b.elr) &&
    isSame(a.replicas, b.replicas) &&
    isSame(a.adding, b.adding) &&
    isSame(a.removing, b.removing)
  );
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
