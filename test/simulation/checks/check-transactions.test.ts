import { expect, test } from 'vitest';
import { TransactionHistory, type TransactionOutcome } from '../workload/transaction-history.js';
import { checkTransactions } from './check-transactions.js';

interface Told {
  readonly outcome: TransactionOutcome;
  /** In which order the values of the transaction are in the log; it wrote `0`, `1`. */
  readonly there: readonly number[];
}

function invariants({ outcome, there }: Told, read?: string): string[] {
  const history = new TransactionHistory();
  history.entries.push({
    id: 't1',
    client: 'c',
    transactionalId: 'own',
    writes: [0, 1].map((index) => ({ partition: 0, value: `t1.${index}` })),
    reads: [],
    begunMs: 0,
    endedMs: 1,
    commitAskedMs: 1,
    outcome,
    error: undefined,
  });
  history.lists.push({ partition: 0, records: there.map((index, offset) => ({ offset, value: `t1.${index}` })) });
  if (read !== undefined) history.reads.push({ reader: 'r', partition: 0, offset: 0, value: read, readMs: 1 });
  return checkTransactions(history).map(({ invariant }) => invariant);
}

test.each<Told>([
  { outcome: 'committed', there: [0, 1] },
  { outcome: 'aborted', there: [] },
  { outcome: 'unknown', there: [0, 1] },
  { outcome: 'unknown', there: [] },
])('a transaction is whole or not there: %j', (told) => {
  expect(invariants(told)).toEqual([]);
});

test.each<Told>([
  { outcome: 'committed', there: [] },
  { outcome: 'committed', there: [0] },
  { outcome: 'committed', there: [1, 0] },
  { outcome: 'committed', there: [0, 1, 1] },
  { outcome: 'aborted', there: [0, 1] },
  { outcome: 'unknown', there: [1] },
])('one that is torn, lost, doubled or back from the dead is found: %j', (told) => {
  expect(invariants(told)).toEqual(['E1']);
});

test('a record that somebody read, and that is not committed, is found', () => {
  expect(invariants({ outcome: 'aborted', there: [] }, 't1.0')).toEqual(['C3']);
  expect(invariants({ outcome: 'committed', there: [0, 1] }, 't1.0')).toEqual([]);
});

test.each([
  { made: 1, isKnownOnce: true, found: ['E2'] },
  // Its own first request may have come once more.
  { made: 1, isKnownOnce: false, found: [] },
  { made: 2, isKnownOnce: true, found: [] },
])('a producer that was fenced was replaced by another: $made in all, $isKnownOnce', ({ made, isKnownOnce, found }) => {
  const history = new TransactionHistory();
  for (let madeMs = 0; madeMs < made; madeMs += 1) {
    history.producers.push({ transactionalId: 'own', madeMs, isKnownOnce });
  }
  history.entries.push({
    id: 't1',
    client: 'c',
    transactionalId: 'own',
    writes: [],
    reads: [],
    begunMs: 0,
    endedMs: 5,
    commitAskedMs: 1,
    outcome: 'unknown',
    error: 'PRODUCER_FENCED: another has it',
  });
  history.lists.push({ partition: 0, records: [] });
  expect(checkTransactions(history).map(({ invariant }) => invariant)).toEqual(found);
});
