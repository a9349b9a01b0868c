/** Reads every partition with a fresh consumer while nothing else happens, and asks for offsets by time. */
import { Consumer } from '@millrace/consumer';
import { textOf } from '../cluster/scan-log.js';
import type { AdministeringClient } from './administering-client.js';
import { partitionLabel, type Drain, type DrainedRecord } from './history.js';
import type { Workload } from './workload.js';

const lookupsPerPartition = 6;

interface Draining extends Drain {
  readonly records: DrainedRecord[];
}

export async function drainAll(workload: Workload, admin: AdministeringClient, label: string): Promise<void> {
  const counts = await admin.partitionCounts();
  const places = workload.plan.config.topics.flatMap(({ name: topic }) =>
    Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
  );
  const startOffsets = await admin.offsets(places.map((place) => ({ ...place, at: 'earliest' as const })));
  const endOffsets = await admin.offsets(places.map((place) => ({ ...place, at: 'latest' as const })));
  const drains = places.map((place, index): Draining => ({
    ...place,
    label,
    startOffset: startOffsets[index] ?? -1,
    endOffset: endOffsets[index] ?? -1,
    records: [],
  }));
  await readAll(workload, label, drains);
  for (const drain of drains) {
    const { startOffset, endOffset, records } = drain;
    workload.history.drains.push(drain);
    const text = `${partitionLabel(drain)} holds ${records.length} records, ${startOffset} to ${endOffset}`;
    workload.timeLine.add('drain', text);
  }
  await lookUpTimes(workload, admin, drains);
}

async function readAll(workload: Workload, label: string, drains: readonly Draining[]): Promise<void> {
  const left = new Map(
    drains.filter(({ startOffset, endOffset }) => startOffset < endOffset).map((each) => [partitionLabel(each), each]),
  );
  if (left.size === 0) return;
  const consumer = new Consumer({
    bootstrap: workload.bootstrap,
    clientId: `drain ${label}`,
    assignments: [...left.values()].map(({ topic, partition }) => ({ topic, partition })),
    from: 'beginning',
    isolation: 'read-uncommitted',
    retryBackoffMaxMs: 200,
    environment: workload.simulation.environment('drain'),
  });
  try {
    for await (const { topic, partition, offset, value, timestampMs } of consumer) {
      const drain = left.get(partitionLabel({ topic, partition }));
      // Beyond the end that was told: the other partitions are still being read.
      if (drain === undefined) continue;
      drain.records.push({ offset, value: textOf(value), timestampMs });
      if ((consumer.position({ topic, partition }) ?? 0) >= drain.endOffset) left.delete(partitionLabel(drain));
      if (left.size === 0) break;
    }
  } finally {
    await consumer.close();
  }
}

/** Times of some records, and just before and after them. */
async function lookUpTimes(workload: Workload, admin: AdministeringClient, drains: readonly Drain[]): Promise<void> {
  const lookups = drains.flatMap(({ label, topic, partition, records }) => {
    const step = Math.max(1, Math.floor((3 * records.length) / lookupsPerPartition));
    const times = new Set<number>();
    for (let index = 0; index < records.length; index += step) {
      const timestampMs = records[index]?.timestampMs ?? 0;
      for (const time of [timestampMs - 1, timestampMs, timestampMs + 1]) times.add(Math.max(0, time));
    }
    return [...times].map((timestampMs) => ({ label, topic, partition, timestampMs }));
  });
  if (lookups.length === 0) return;
  const offsets = await admin.offsets(
    lookups.map(({ topic, partition, timestampMs }) => ({ topic, partition, at: { timestampMs } })),
  );
  // What a program that is closed by now sent without waiting for answers may still be on its way: where some of it came
  // meanwhile, the walk was over another log.
  const endOffsets = await admin.offsets(drains.map((drain) => ({ ...drain, at: 'latest' as const })));
  const asWalked = new Set(
    drains.filter(({ endOffset }, index) => endOffsets[index] === endOffset).map((drain) => partitionLabel(drain)),
  );
  for (const [index, lookup] of lookups.entries()) {
    if (!asWalked.has(partitionLabel(lookup))) continue;
    workload.history.lookups.push({ ...lookup, offset: offsets[index] ?? -1 });
    workload.marks.hit('time-looked-up');
  }
}
