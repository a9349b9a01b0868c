/**
 * C8: what one consumer gets of a partition neither goes back nor leaves a record out; it may only pass over records
 * that were deleted.
 * G2: no consumer gets bytes that cannot be records, and none stops by itself.
 */
import { partitionLabel, type History, type Read } from '../workload/history.js';
import { readText } from './describe.js';
import type { TopicExpectation } from './expectation.js';
import { violation, type Violation } from './violation.js';

export function checkConsumers(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  return [...jumps(history, expectations), ...stopped(history, expectations)];
}

function jumps(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  const deletable = new Map<string, number>();
  for (const deletion of history.deletions) {
    const label = partitionLabel(deletion);
    deletable.set(label, Math.max(deletable.get(label) ?? 0, deletion.beforeOffset));
  }
  const last = new Map<string, Read>();
  const found: Violation[] = [];
  for (const read of history.reads) {
    if (expectations.get(read.topic)?.isDurable !== true) continue;
    const label = partitionLabel(read);
    const key = `${read.consumer} ${label}`;
    const before = last.get(key);
    last.set(key, read);
    const expected = before === undefined ? 0 : before.offset + 1;
    const isPassing = read.offset > expected && read.offset <= (deletable.get(label) ?? 0);
    if (read.offset === expected || isPassing) continue;
    const evidence = [...(before === undefined ? [] : [readText(before)]), readText(read)];
    const text = `${read.consumer} got offset ${read.offset} of ${label} where ${expected} was next`;
    found.push(violation('C8', text, evidence));
  }
  return found.slice(0, 3);
}

/**
 * A consumer stops when its topic is deleted, and when it has never reached any node: then its address may be wrong.
 * Otherwise it has nothing to say.
 */
function stopped(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  const isChurned = (topic: string): boolean => expectations.get(topic)?.topic.role === 'churned';
  const hasChurned = [...expectations.keys()].some(isChurned);
  const unexpected = history.readFailures.filter(({ topic, code }) => {
    if (topic === undefined && neverReached.has(code)) return false;
    const mayBeDeleted = topic === undefined ? hasChurned : isChurned(topic);
    return !mayBeDeleted || !endings.has(code);
  });
  if (unexpected.length === 0) return [];
  const evidence = unexpected.map(
    ({ consumer, topic, code, message, failedMs }) =>
      `${consumer} stopped at ${failedMs.toFixed(1)} ms (${topic ?? 'no topic'}): ${code}: ${message}`,
  );
  return [violation('G2', `${unexpected.length} consumers stopped by themselves`, evidence)];
}

const endings: ReadonlySet<string> = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);
const neverReached: ReadonlySet<string> = new Set(['REQUEST_TIMED_OUT', 'NETWORK_EXCEPTION', 'LEADER_NOT_AVAILABLE']);
