/**
 * How a partition's leader, in-sync set (ISR) and eligible leader replicas (ELR) change when a broker comes or goes.
 *
 *     broker fenced, restarts, shuts down  -> leaves the ISR; into the ELR when the ISR falls below min.insync.replicas
 *     leader gone                          -> first live replica of the ISR, else of the ELR, else nobody
 *     broker active again                  -> leads what nobody leads, if it is in ISR or ELR
 *     nobody of ISR and ELR is left        -> any live replica, only where unclean.leader.election.enable says so
 *
 * A replica is in the ELR because the high watermark stands still below min.insync.replicas: it holds all that was
 * acknowledged, though it may lack later records.
 *
 * Each change raises the partition epoch; each change of the leader, also to nobody, the leader epoch.
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
  readonly minInsyncReplicas: number;
  readonly allowUncleanElection: boolean;
  isActive(nodeId: number): boolean;
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
  const others = partition.elr.filter((replica) => replica !== nodeId);
  if (!wasInSync && (departure === 'clean' || others.length === partition.elr.length)) return partition;
  // The last one that may hold all acknowledged records stays eligible after a crash: what it acknowledged was synced,
  // and without it the partition could never come back by itself.
  const isLast = isr.length + others.length === 0;
  const staysEligible = departure === 'clean' || (departure === 'unclean' && isLast);
  const elr = isr.length >= minIsrOf(partition, rules) ? [] : staysEligible ? [...others, nodeId] : others;
  const leader = partition.leader === nodeId ? -1 : partition.leader;
  return changed(partition, elected(partition, { leader, isr, elr }, rules));
}

/** The partition with a leader, if it has none and somebody may lead; the same object when nothing changes. */
export function withLeader(partition: PartitionImage, rules: PartitionRules): PartitionImage {
  return partition.leader === -1 ? changed(partition, elected(partition, partition, rules)) : partition;
}

function elected(partition: PartitionImage, now: Membership, rules: PartitionRules): Membership {
  if (now.leader !== -1) return now;
  const { replicas } = partition;
  const fromIsr = replicas.find((replica) => now.isr.includes(replica) && rules.isActive(replica));
  if (fromIsr !== undefined) return { ...now, leader: fromIsr };
  const fromElr = replicas.find((replica) => now.elr.includes(replica) && rules.isActive(replica));
  if (fromElr !== undefined) {
    const isr = [...now.isr, fromElr];
    const elr = isr.length >= minIsrOf(partition, rules) ? [] : now.elr.filter((replica) => replica !== fromElr);
    return { leader: fromElr, isr, elr };
  }
  const unclean = rules.allowUncleanElection ? replicas.find((replica) => rules.isActive(replica)) : undefined;
  return unclean === undefined ? now : { leader: unclean, isr: [unclean], elr: [] };
}

/** More copies than there are cannot be asked for. */
function minIsrOf(partition: PartitionImage, rules: PartitionRules): number {
  return Math.min(rules.minInsyncReplicas, partition.replicas.length);
}

function changed(before: PartitionImage, { leader, isr, elr }: Membership): PartitionImage {
  if (leader === before.leader && isSame(isr, before.isr) && isSame(elr, before.elr)) return before;
  return {
    ...before,
    leader,
    leaderEpoch: before.leaderEpoch + (leader === before.leader ? 0 : 1),
    partitionEpoch: before.partitionEpoch + 1,
    isr,
    elr,
  };
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
