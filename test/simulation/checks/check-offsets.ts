/**
 * C2: nothing comes from nowhere: every record that was read had been sent to that topic.
 * C3: what definitely failed is never read.
 * C4: one offset of a partition stands for one value, in all that anybody was told.
 * A1: a drained partition has every offset from its start to its end.
 * Nothing of a deleted topic comes back under its name (C2 too).
 */
import { partitionLabel, type History, type Send } from '../workload/history.js';
import { readText, sendText } from './describe.js';
import type { TopicExpectation } from './expectation.js';
import { violation, type Violation } from './violation.js';

export function checkOffsets(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  const sends = new Map(history.sends.map((send) => [send.value, send]));
  return [
    ...fromNowhere(history, sends),
    ...inconsistent(history, expectations),
    ...gaps(history),
    ...resurrected(history, sends),
  ];
}

function fromNowhere(history: History, sends: ReadonlyMap<string, Send>): Violation[] {
  const found: Violation[] = [];
  const look = (where: { topic: string; partition: number; value: string }, line: string): void => {
    const send = sends.get(where.value);
    const isThere = send?.topic === where.topic && (send.partition === -1 || send.partition === where.partition);
    if (!isThere) {
      const evidence = send === undefined ? [line] : [line, sendText(send)];
      found.push(
        violation(
          'C2',
          `${partitionLabel(where)} holds ${JSON.stringify(where.value)}, which nobody sent there`,
          evidence,
        ),
      );
    } else if (send.outcome === 'failed') {
      found.push(
        violation('C3', `${where.value} was refused and is in ${partitionLabel(where)}`, [line, sendText(send)]),
      );
    }
  };
  for (const read of history.reads) look(read, readText(read));
  for (const drain of history.drains) {
    for (const { offset, value } of drain.records) {
      look({ topic: drain.topic, partition: drain.partition, value }, `drained ${drain.label} at offset ${offset}`);
    }
  }
  return found.slice(0, 3);
}

function inconsistent(history: History, expectations: ReadonlyMap<string, TopicExpectation>): Violation[] {
  const told = new Map<string, { value: string; line: string }>();
  const found: Violation[] = [];
  const tell = (topic: string, partition: number, offset: number, value: string, line: string): void => {
    if (expectations.get(topic)?.isDurable !== true) return;
    const key = `${topic}-${partition}@${offset}`;
    const before = told.get(key);
    if (before === undefined) told.set(key, { value, line });
    else if (before.value !== value) {
      found.push(violation('C4', `${key} is ${before.value} and ${value}`, [before.line, line]));
    }
  };
  for (const send of history.sends) {
    const isTold = send.outcome === 'ok' && send.offset >= 0 && send.acks === 'all';
    if (isTold) tell(send.topic, send.partition, send.offset, send.value, sendText(send));
  }
  for (const read of history.reads) tell(read.topic, read.partition, read.offset, read.value, readText(read));
  for (const drain of history.drains) {
    for (const { offset, value } of drain.records) {
      tell(drain.topic, drain.partition, offset, value, `drained ${drain.label}: ${value} at offset ${offset}`);
    }
  }
  return found.slice(0, 3);
}

function gaps(history: History): Violation[] {
  return history.drains.flatMap((drain) => {
    const expected = drain.endOffset - drain.startOffset;
    const firstWrong = drain.records.findIndex(({ offset }, index) => offset !== drain.startOffset + index);
    if (firstWrong < 0 && drain.records.length === expected) return [];
    const near = drain.records.slice(Math.max(0, firstWrong - 2), firstWrong + 3);
    const text =
      `${partitionLabel(drain)} ${drain.label} goes from ${drain.startOffset} to ${drain.endOffset} and has ` +
      `${drain.records.length} records`;
    return [
      violation(
        'A1',
        text,
        near.map(({ offset, value }) => `${value} at offset ${offset}`),
      ),
    ];
  });
}

/** A record that was acknowledged before its topic was deleted must not be in the topic that has its name now. */
function resurrected(history: History, sends: ReadonlyMap<string, Send>): Violation[] {
  const ends = new Map<string, number>();
  for (const { topic, invokedMs, endedMs } of history.topicEnds) {
    if (endedMs < Infinity) ends.set(topic, Math.max(ends.get(topic) ?? 0, invokedMs));
  }
  return history.drains.flatMap((drain) => {
    const deletedMs = ends.get(drain.topic) ?? -1;
    const back = drain.records
      .map(({ value }) => sends.get(value))
      .filter((send) => send?.outcome === 'ok' && send.endedMs < deletedMs);
    if (back.length === 0) return [];
    const text = `${back.length} records of a deleted topic are in ${partitionLabel(drain)} ${drain.label}`;
    return [violation('C2', text, [`deleted at ${deletedMs} ms`, ...back.map((send) => (send ? sendText(send) : ''))])];
  });
}
