/** Reads whole partitions with fresh consumers while nothing else happens, and asks for offsets by time. */
import { Consumer } from '@millrace/consumer';
import { textOf } from '../cluster/scan-log.js';
import type { AdministeringClient } from './administering-client.js';
import { partitionLabel, type DrainedRecord } from './history.js';
import type { Workload } from './workload.js';

const lookupsPerPartition = 6;

export async function drainAll(workload: Workload, admin: AdministeringClient, label: string): Promise<void> {
  const counts = await admin.partitionCounts();
  for (const { name } of workload.plan.config.topics) {
    for (let partition = 0; partition < (counts.get(name) ?? 0); partition += 1) {
      await drainPartition(workload, admin, { label, topic: name, partition });
    }
  }
}

async function drainPartition(
  workload: Workload,
  admin: AdministeringClient,
  where: { readonly label: string; readonly topic: string; readonly partition: number },
): Promise<void> {
  const { history, timeLine } = workload;
  const { topic, partition } = where;
  const startOffset = await admin.offset(topic, partition, 'earliest');
  const endOffset = await admin.offset(topic, partition, 'latest');
  const records = startOffset < endOffset ? await readAll(workload, where, endOffset) : [];
  history.drains.push({ ...where, startOffset, endOffset, records });
  timeLine.add('drain', `${partitionLabel(where)} holds ${records.length} records, ${startOffset} to ${endOffset}`);
  await lookUpTimes(workload, admin, { ...where, records });
}

async function readAll(
  workload: Workload,
  where: { readonly label: string; readonly topic: string; readonly partition: number },
  endOffset: number,
): Promise<DrainedRecord[]> {
  const { topic, partition } = where;
  const records: DrainedRecord[] = [];
  const consumer = new Consumer({
    bootstrap: workload.bootstrap,
    clientId: `drain of ${where.label}`,
    assignments: [where],
    from: 'beginning',
    isolation: 'read-uncommitted',
    retryBackoffMaxMs: 200,
    environment: workload.simulation.environment('drain'),
  });
  try {
    for await (const { offset, value, timestampMs } of consumer) {
      records.push({ offset, value: textOf(value), timestampMs });
      if ((consumer.position({ topic, partition }) ?? 0) >= endOffset) break;
    }
  } finally {
    await consumer.close();
  }
  return records;
}

/** Times of some records, and just before and after them. */
async function lookUpTimes(
  workload: Workload,
  admin: AdministeringClient,
  from: {
    readonly label: string;
    readonly topic: string;
    readonly partition: number;
    readonly records: readonly DrainedRecord[];
  },
): Promise<void> {
  const { label, topic, partition, records } = from;
  const step = Math.max(1, Math.floor((3 * records.length) / lookupsPerPartition));
  const times = new Set<number>();
  for (let index = 0; index < records.length; index += step) {
    const timestampMs = records[index]?.timestampMs ?? 0;
    for (const time of [timestampMs - 1, timestampMs, timestampMs + 1]) times.add(Math.max(0, time));
  }
  for (const timestampMs of times) {
    const offset = await admin.offset(topic, partition, { timestampMs });
    workload.history.lookups.push({ label, topic, partition, timestampMs, offset });
    workload.marks.hit('time-looked-up');
  }
}
