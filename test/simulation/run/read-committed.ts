/** A topic as those who read committed records have it once nothing is open in it. */
import { MillraceError } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { textOf } from '../cluster/scan-log.js';
import type { AdministeringClient } from '../workload/administering-client.js';
import type { CommittedList } from '../workload/transaction-history.js';
import type { Workload } from '../workload/workload.js';

const timeoutMs = 60_000;
const lookMs = 20;

/** Rejects with `NOT_CONVERGED` when the end is not reached. */
export async function readCommitted(
  { simulation, bootstrap }: Workload,
  admin: AdministeringClient,
  { topic, partitions }: { readonly topic: string; readonly partitions: number },
): Promise<CommittedList[]> {
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const ends = await admin.offsets(places.map((place) => ({ ...place, at: 'latest' as const })));
  const reader = new Consumer({
    bootstrap,
    clientId: `drain of ${topic}`,
    assignments: places,
    from: 'beginning',
    isolation: 'read-committed',
    retryBackoffMaxMs: 200,
    environment: simulation.environment('drain'),
  });
  const lists = places.map(({ partition }) => ({ partition, records: [] as { offset: number; value: string }[] }));
  const reading = (async () => {
    for await (const { partition, offset, value } of reader) {
      lists[partition]?.records.push({ offset, value: textOf(value) });
    }
  })();
  const untilMs = simulation.nowMs + timeoutMs;
  const behind = (): string[] =>
    ends.flatMap((end, partition) => {
      const position = reader.position({ topic, partition }) ?? 0;
      return position < end ? [`${topic}-${partition} ends at ${end}, and is read up to ${position}`] : [];
    });
  try {
    while (behind().length > 0) {
      if (simulation.nowMs > untilMs) throw new MillraceError('NOT_CONVERGED', behind().join('; '));
      await new Promise<void>((resolve) => {
        simulation.after(lookMs, resolve);
      });
    }
  } finally {
    await reader.close();
    await reading;
  }
  return lists;
}
