/** What only the whole history of a run tells. */
import type { History } from '../workload/history.js';
import type { Marks } from './marks.js';

export function markHistory(history: History, marks: Marks): void {
  const kept = new Set(history.drains.flatMap(({ records }) => records.map(({ value }) => value)));
  for (const { outcome, value } of history.sends) {
    if (outcome === 'unknown' && kept.has(value)) marks.hit('send-unknown-but-in-log');
  }
}
