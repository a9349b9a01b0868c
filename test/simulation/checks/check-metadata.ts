/**
 * What the metadata logs of all nodes say, after all have stopped:
 * B3: two nodes that have an entry at one position and of one term have the same one, and all before it the same;
 * A7: a leader epoch of a partition has one leader, and it comes from the in-sync or the eligible replicas;
 * A14: no replica is both in sync and eligible; with enough replicas in sync nobody is eligible besides;
 * A15: leader epochs and partition epochs only grow.
 */
import type { FileSystem } from '@millrace/base';
import { readMetadata, type MetadataEntry } from '../cluster/read-metadata.js';
import { violation, type Violation } from './violation.js';

export interface NodeMetadata {
  readonly node: string;
  readonly entries: readonly MetadataEntry[];
}

export function readAllMetadata(
  disks: readonly { readonly node: string; readonly files: FileSystem }[],
  dataDirectory: string,
): NodeMetadata[] {
  return disks.map(({ node, files }) => ({ node, entries: readMetadata(files, dataDirectory) }));
}

export function checkMetadata(nodes: readonly NodeMetadata[]): Violation[] {
  const found = [...logMatching(nodes)];
  const longest = nodes.reduce<NodeMetadata | undefined>(
    (best, node) => (node.entries.length > (best?.entries.length ?? -1) ? node : best),
    undefined,
  );
  if (longest !== undefined) found.push(...partitionRules(longest));
  return found;
}

function logMatching(nodes: readonly NodeMetadata[]): Violation[] {
  const [first, ...others] = nodes;
  if (first === undefined) return [];
  const mine = new Map(first.entries.map((entry) => [entry.position, entry]));
  const evidence: string[] = [];
  for (const other of others) {
    for (const { position, term, hash } of other.entries) {
      const entry = mine.get(position);
      if (entry === undefined || (entry.term === term && entry.hash === hash)) continue;
      evidence.push(
        `position ${position}: ${first.node} has term ${entry.term} hash ${entry.hash}, ` +
          `${other.node} has term ${term} hash ${hash}`,
      );
    }
  }
  return evidence.length === 0 ? [] : [violation('B3', 'the metadata logs differ after all has healed', evidence)];
}

interface PartitionState {
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly isr: readonly number[];
  readonly elr: readonly number[];
  readonly adding: readonly number[];
  readonly minInsyncReplicas: number;
}

function partitionRules({ node, entries }: NodeMetadata): Violation[] {
  const states = new Map<string, PartitionState>();
  const broken: Record<'A7' | 'A14' | 'A15', string[]> = { A7: [], A14: [], A15: [] };
  for (const { position, records } of entries) {
    for (const record of records) {
      if (record.type !== 'partitions') continue;
      for (const state of record.partitions) {
        const key = `${record.topicId}-${state.partition}`;
        const before = states.get(key);
        states.set(key, state);
        const where = `${node}, position ${position}, ${key}: `;
        for (const [invariant, why] of faultsOf(before, state)) broken[invariant].push(where + why);
      }
    }
  }
  return Object.entries(broken).flatMap(([invariant, evidence]) =>
    evidence.length === 0 ? [] : [violation(invariant, 'the metadata log breaks a rule of partitions', evidence)],
  );
}

function faultsOf(before: PartitionState | undefined, now: PartitionState): ['A7' | 'A14' | 'A15', string][] {
  const faults: ['A7' | 'A14' | 'A15', string][] = [];
  if (now.isr.some((id) => now.elr.includes(id))) {
    faults.push(['A14', `in sync ${now.isr.join()} and eligible ${now.elr.join()}`]);
  }
  if (now.isr.length >= now.minInsyncReplicas && now.elr.length > 0) {
    faults.push(['A14', `${now.isr.join()} are in sync, and ${now.elr.join()} eligible besides`]);
  }
  if (before === undefined) return faults;
  if (now.partitionEpoch <= before.partitionEpoch || now.leaderEpoch < before.leaderEpoch) {
    faults.push([
      'A15',
      `partition epoch ${before.partitionEpoch} to ${now.partitionEpoch}, leader epoch ${before.leaderEpoch} to ${now.leaderEpoch}`,
    ]);
  }
  const isNew = now.leader !== before.leader;
  if (isNew && now.leader >= 0 && now.leaderEpoch === before.leaderEpoch) {
    faults.push(['A7', `leader ${before.leader} and then ${now.leader} in leader epoch ${now.leaderEpoch}`]);
  }
  // With the change that completes a reassignment, one that it added joins, and may lead at once.
  const electable = [...before.isr, ...before.elr, ...before.adding];
  if (isNew && now.leader >= 0 && !electable.includes(now.leader)) {
    faults.push([
      'A7',
      `leader ${now.leader} was neither in sync (${before.isr.join()}) nor eligible (${before.elr.join()})`,
    ]);
  }
  return faults;
}
