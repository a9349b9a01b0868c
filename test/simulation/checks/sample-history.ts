/** Hand-made histories, good unless a test spoils them. */
import type { Plan } from '../plan/plan.js';
import { History, type Drain, type Read, type Send } from '../workload/history.js';

export const samplePlan: Plan = {
  seed: 0,
  config: {
    nodes: 1,
    safetyMs: 1000,
    link: { minMs: 0, maxMs: 0 },
    disk: { minMs: 0, maxMs: 0 },
    nodeSettings: {},
    topics: [
      { name: 'steady', role: 'steady', partitions: 1, replicationFactor: 1, configs: {} },
      { name: 'trimmed', role: 'trimmed', partitions: 1, replicationFactor: 1, configs: {} },
      { name: 'churned', role: 'churned', partitions: 1, replicationFactor: 1, configs: {} },
    ],
    producers: [],
    consumers: [],
    auditMs: 0,
    ending: 'graceful',
  },
  operations: [],
  faults: [],
};

/** An acknowledged send of `value`, sent at `offset` seconds and answered half a second later. */
export function sampleSend(value: string, offset: number, change: Partial<Send> = {}): Send {
  return {
    value,
    producer: 'producer-0.1',
    order: offset,
    topic: 'steady',
    acks: 'all',
    idempotent: true,
    invokedMs: 1000 * offset,
    deadlineMs: 1000 * offset + 900,
    partition: 0,
    offset,
    outcome: 'ok',
    endedMs: 1000 * offset + 500,
    error: undefined,
    ...change,
  };
}

export function sampleRead(value: string, offset: number, change: Partial<Read> = {}): Read {
  return {
    consumer: 'consumer-0.1',
    topic: 'steady',
    partition: 0,
    offset,
    value,
    readMs: 1000 * offset + 600,
    highWatermark: offset + 1,
    ...change,
  };
}

export function sampleDrain(values: readonly string[], change: Partial<Drain> = {}): Drain {
  const startOffset = change.startOffset ?? 0;
  return {
    label: 'in the end',
    topic: 'steady',
    partition: 0,
    startOffset,
    endOffset: startOffset + values.length,
    records: values.map((value, index) => ({
      offset: startOffset + index,
      value,
      timestampMs: 1000 * (startOffset + index),
    })),
    ...change,
  };
}

/** Three records sent, read and drained. */
export function sampleHistory(): History {
  const history = new History();
  for (const [offset, value] of ['a', 'b', 'c'].entries()) {
    history.sends.push(sampleSend(value, offset));
    history.reads.push(sampleRead(value, offset));
  }
  history.drains.push(sampleDrain(['a', 'b', 'c']));
  return history;
}
