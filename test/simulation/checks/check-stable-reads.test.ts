import { expect, test } from 'vitest';
import { TransactionHistory, type TransactionEntry } from '../workload/transaction-history.js';
import { checkStableReads } from './check-stable-reads.js';

const entry = (id: string, commitAskedMs: number): TransactionEntry => ({
  id,
  client: id,
  transactionalId: id,
  writes: [{ partition: 0, value: `${id}.0` }],
  reads: [],
  begunMs: 0,
  commitAskedMs,
  endedMs: commitAskedMs,
  outcome: 'committed',
  error: undefined,
});

/** Two transactions that were open together: the one that wrote first asked for its commit at 50 ms, the other at 10 ms. */
function readAt(...reads: readonly (readonly [offset: number, readMs: number])[]): string[] {
  const history = new TransactionHistory();
  history.entries.push(entry('t1', 50), entry('t2', 10));
  const records = [
    { offset: 0, value: 't1.0' },
    { offset: 1, value: 't2.0' },
  ];
  history.lists.push({ partition: 0, records });
  for (const [offset, readMs] of reads) {
    history.reads.push({ reader: 'r', partition: 0, offset, value: records[offset]?.value ?? '', readMs });
  }
  return checkStableReads(history).map(({ invariant }) => invariant);
}

test('what is read in order once all before it has ended is right', () => {
  expect(readAt([0, 60], [1, 61])).toEqual([]);
});

test('a record behind an open transaction is told', () => {
  expect(readAt([0, 20], [1, 61])).toEqual(['C9']);
  expect(readAt([0, 60], [1, 20])).toEqual(['C9']);
});

test('a committed record that a reader leaves out is told', () => {
  expect(readAt([1, 60])).toEqual(['C8']);
});
