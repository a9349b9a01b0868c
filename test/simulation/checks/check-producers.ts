/**
 * C5: an idempotent producer's record is in the log at one offset at most.
 * C6: its records lie in a partition in the order in which it was given them.
 * C7: a record sent after another was acknowledged lies behind it; so does the end that is asked for afterwards.
 * C11: one client's answers for the end of a partition never go back.
 */
import { partitionLabel, type Drain, type History, type Send } from '../workload/history.js';
import { sendText } from './describe.js';
import type { TopicExpectation } from './expectation.js';
import { violation, type Violation } from './violation.js';

export function checkProducers(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  const sends = new Map(history.sends.map((send) => [send.value, send]));
  const found = history.drains.flatMap((drain) => [...duplicates(drain, sends), ...reordered(drain, sends)]);
  for (const [topic, { isDurable }] of expectations) {
    if (isDurable) found.push(...backInTime(history, topic), ...latestBackwards(history, topic));
  }
  return found;
}

function duplicates(drain: Drain, sends: ReadonlyMap<string, Send>): Violation[] {
  const seen = new Map<string, number>();
  const evidence: string[] = [];
  for (const { offset, value } of drain.records) {
    const first = seen.get(value);
    const send = sends.get(value);
    if (first === undefined) seen.set(value, offset);
    else if (send?.idempotent === true) evidence.push(`${sendText(send)}; also at ${offset}, first at ${first}`);
  }
  if (evidence.length === 0) return [];
  return [violation('C5', `${partitionLabel(drain)} ${drain.label} has ${evidence.length} records twice`, evidence)];
}

function reordered(drain: Drain, sends: ReadonlyMap<string, Send>): Violation[] {
  const newest = new Map<string, { send: Send; offset: number }>();
  const evidence: string[] = [];
  for (const { offset, value } of drain.records) {
    const send = sends.get(value);
    if (send?.idempotent !== true) continue;
    const before = newest.get(send.producer);
    if (before !== undefined && before.send.order > send.order) {
      evidence.push(`offset ${before.offset}: ${sendText(before.send)}`, `offset ${offset}: ${sendText(send)}`);
    } else newest.set(send.producer, { send, offset });
  }
  if (evidence.length === 0) return [];
  return [violation('C6', `${partitionLabel(drain)} ${drain.label} is not in the order of sending`, evidence)];
}

interface Told {
  readonly invokedMs: number;
  readonly endedMs: number;
  /** Everything that was told before this was asked lies below. */
  readonly offset: number;
  readonly text: () => string;
}

function backInTime(history: History, topic: string): Violation[] {
  const byPartition = new Map<number, Told[]>();
  const add = (partition: number, told: Told): void => {
    const known = byPartition.get(partition);
    if (known === undefined) byPartition.set(partition, [told]);
    else known.push(told);
  };
  for (const send of history.sends) {
    const { invokedMs, endedMs, offset, partition } = send;
    const isTold = send.topic === topic && send.outcome === 'ok' && send.acks === 'all' && offset >= 0;
    if (isTold) add(partition, { invokedMs, endedMs, offset, text: () => sendText(send) });
  }
  const found: Violation[] = [];
  for (const [partition, told] of byPartition) {
    const answers = history.latest
      .filter((answer) => answer.topic === topic && answer.partition === partition)
      .map(({ invokedMs, offset }) => {
        const text = (): string => `the end was ${offset}, asked at ${invokedMs.toFixed(1)} ms`;
        return { invokedMs, endedMs: Infinity, offset, text };
      });
    const evidence = disorder(told, [...told, ...answers]);
    if (evidence.length > 0) found.push(violation('C7', `${topic}-${partition} goes back in real time`, evidence));
  }
  return found;
}

/** What was asked after something else had ended must have a larger offset. */
function disorder(ended: readonly Told[], asked: readonly Told[]): string[] {
  const byEnd = [...ended].sort((a, b) => a.endedMs - b.endedMs);
  const byStart = [...asked].sort((a, b) => a.invokedMs - b.invokedMs);
  const evidence: string[] = [];
  let next = 0;
  let highest: Told | undefined;
  for (const told of byStart) {
    for (; next < byEnd.length && (byEnd[next]?.endedMs ?? Infinity) < told.invokedMs; next += 1) {
      const candidate = byEnd[next];
      if (candidate !== undefined && candidate.offset > (highest?.offset ?? -1)) highest = candidate;
    }
    if (highest !== undefined && told.offset <= highest.offset) evidence.push(highest.text(), told.text());
  }
  return evidence;
}

function latestBackwards(history: History, topic: string): Violation[] {
  const highest = new Map<string, { offset: number; endedMs: number }>();
  const evidence: string[] = [];
  const answers = history.latest.filter((answer) => answer.topic === topic);
  for (const answer of answers.sort((a, b) => a.invokedMs - b.invokedMs)) {
    const key = `${answer.client} ${partitionLabel(answer)}`;
    const before = highest.get(key);
    if (before !== undefined && before.endedMs < answer.invokedMs && answer.offset < before.offset) {
      evidence.push(`${key} was ${before.offset} at ${before.endedMs} ms and ${answer.offset} at ${answer.endedMs} ms`);
    }
    if (before === undefined || answer.offset > before.offset) highest.set(key, answer);
  }
  return evidence.length === 0 ? [] : [violation('C11', `the end of ${topic} went back`, evidence)];
}
