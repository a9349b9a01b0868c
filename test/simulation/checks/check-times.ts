/** C12: the offset for a time is that of the first record at or after it, as a walk over the drained log finds it. */
import { partitionLabel, type History } from '../workload/history.js';
import { violation, type Violation } from './violation.js';

export function checkTimes(history: History): Violation[] {
  const drains = new Map(history.drains.map((drain) => [`${partitionLabel(drain)} ${drain.label}`, drain]));
  const evidence = history.lookups.flatMap(({ label, topic, partition, timestampMs, offset }) => {
    const drain = drains.get(`${partitionLabel({ topic, partition })} ${label}`);
    const expected = drain?.records.find((record) => record.timestampMs >= timestampMs)?.offset ?? -1;
    if (expected === offset) return [];
    return [`${label}, ${topic}-${partition} at ${timestampMs}: offset ${offset} was told, a walk finds ${expected}`];
  });
  return evidence.length === 0 ? [] : [violation('C12', `${evidence.length} offsets for times are wrong`, evidence)];
}
