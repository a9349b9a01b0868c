/** What the metadata logs tell of leaders and in-sync sets, after all nodes have stopped. */
import type { NodeMetadata } from '../checks/check-metadata.js';
import type { MetadataEntry } from '../cluster/read-metadata.js';
import type { Marks } from './marks.js';

export function markMetadata(nodes: readonly NodeMetadata[], marks: Marks): void {
  const logs = nodes.map(({ entries }) => entries).sort((a, b) => b.length - a.length);
  const [longest = []] = logs;
  const terms = new Set(longest.map(({ term }) => term));
  marks.hit('quorum-term-passed', terms.size - 1);
  markPartitions(longest, marks);
}

function markPartitions(entries: readonly MetadataEntry[], marks: Marks): void {
  const states = new Map<string, PartitionState>();
  for (const { records } of entries) {
    for (const record of records) {
      if (record.type !== 'partitions') continue;
      for (const now of record.partitions) {
        const key = `${record.topicId}-${now.partition}`;
        const before = states.get(key);
        states.set(key, now);
        if (before !== undefined) markChange(before, now, marks);
      }
    }
  }
}

interface PartitionState {
  readonly leader: number;
  readonly isr: readonly number[];
  readonly elr: readonly number[];
}

function markChange(before: PartitionState, now: PartitionState, marks: Marks): void {
  if (before.isr.some((id) => !now.isr.includes(id))) marks.hit('in-sync-set-shrunk');
  if (now.isr.some((id) => !before.isr.includes(id))) marks.hit('in-sync-set-grown');
  if (now.leader === before.leader) return;
  if (now.leader < 0) marks.hit('leader-lost');
  else marks.hit('leader-moved');
  if (now.leader >= 0 && !before.isr.includes(now.leader) && before.elr.includes(now.leader)) {
    marks.hit('elected-from-eligible');
  }
}
