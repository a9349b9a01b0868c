/**
 * Judges a history file with the checks that judge the simulator's histories: A1 (no gaps), C1 to C9, C11, H1.
 * What was acknowledged with acks=all is there, at its offset, once, in the order of sending and of time.
 */
import { readFileSync } from 'node:fs';
import { violationsIn } from '../../simulation/checks/check-history.js';
import type { TopicExpectation } from '../../simulation/checks/expectation.js';
import type { Violation } from '../../simulation/checks/violation.js';
import { History, type Send } from '../../simulation/workload/history.js';
import type { HistoryLine, SendEnded } from './history-file.js';

export interface Judgement {
  readonly violations: readonly Violation[];
  readonly sent: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly unknown: number;
  readonly polled: number;
  readonly drained: number;
  /** Acknowledged, and not in the drain. */
  readonly lost: number;
}

export interface Expectations {
  /** A send has its outcome within this time. */
  readonly sendLimitMs: number;
  /** False for topics whose durability does not survive what was done: then the loss is counted, not judged. */
  readonly isDurable?: boolean;
}

export function checkHistoryFile(path: string, expectations: Expectations): Judgement {
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
  return judge(
    lines.map((line) => JSON.parse(line) as HistoryLine),
    expectations,
  );
}

export function judge(lines: readonly HistoryLine[], { sendLimitMs, isDurable = true }: Expectations): Judgement {
  const history = new History();
  const sends = new Map<string, Send>();
  const orders = new Map<string, number>();
  const topics = new Set<string>();
  for (const line of lines) {
    if ('topic' in line) topics.add(line.topic);
    if (line.f === 'send' && line.kind === 'invoke') {
      const order = orders.get(line.process) ?? 0;
      orders.set(line.process, order + 1);
      if (sends.has(line.value)) throw new Error(`${line.value} was sent twice: it must name one attempt`);
      sends.set(line.value, {
        ...{ value: line.value, producer: line.process, order, topic: line.topic, partition: line.partition },
        ...{ acks: 'all', idempotent: true, invokedMs: line.t, deadlineMs: line.t + sendLimitMs },
        ...{ offset: -1, outcome: 'pending', endedMs: Infinity, error: undefined },
      });
    } else addTo(history, sends, line);
  }
  for (const send of sends.values()) history.sends.push(send);
  const expected = [...topics].map((name): [string, TopicExpectation] => [
    name,
    { isDurable, topic: { name, role: 'steady', partitions: 1, replicationFactor: 3, configs: {} } },
  ]);
  const count = (outcome: Send['outcome']): number => history.sends.filter((send) => send.outcome === outcome).length;
  const there = new Set(history.drains.flatMap(({ records }) => records.map(({ value }) => value)));
  return {
    violations: violationsIn(history, new Map(expected)),
    sent: history.sends.length,
    acknowledged: count('ok'),
    refused: count('failed'),
    unknown: count('unknown'),
    polled: history.reads.length,
    drained: history.drains.reduce((sum, { records }) => sum + records.length, 0),
    lost: history.sends.filter(({ outcome, value }) => outcome === 'ok' && !there.has(value)).length,
  };
}

const outcomes = { ok: 'ok', fail: 'failed', info: 'unknown' } as const;

function addTo(history: History, sends: ReadonlyMap<string, Send>, line: HistoryLine): void {
  if (line.f === 'send' && line.kind !== 'invoke') end(sends.get(line.value), line);
  else if (line.f === 'poll' && line.kind === 'ok') {
    const { process, topic, partition, highWatermark, t } = line;
    for (const [offset, value] of line.records) {
      history.reads.push({ consumer: process, topic, partition, offset, value, readMs: t, highWatermark });
    }
  } else if (line.f === 'poll') {
    const { process, topic, error, t } = line;
    history.readFailures.push({ consumer: process, topic, code: 'STOPPED', message: error, failedMs: t });
  } else if (line.f === 'latest') {
    const { process, topic, partition, offset, invoked, t } = line;
    history.latest.push({ client: process, topic, partition, offset, invokedMs: invoked, endedMs: t });
  } else if (line.f === 'drain') {
    const { topic, partition, start, end: endOffset, process } = line;
    const records = line.records.map(([offset, value]) => ({ offset, value, timestampMs: 0 }));
    history.drains.push({ label: process, topic, partition, startOffset: start, endOffset, records });
  }
}

function end(send: Send | undefined, line: SendEnded & { readonly t: number }): void {
  if (send?.outcome !== 'pending') throw new Error(`${line.value} has an outcome and was not under way`);
  send.outcome = outcomes[line.kind];
  send.endedMs = line.t;
  send.error = line.error;
  if (line.offset !== undefined) send.offset = line.offset;
}
