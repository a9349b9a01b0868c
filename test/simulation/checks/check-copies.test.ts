import { expect, test } from 'vitest';
import { copyOf, TransactionHistory } from '../workload/transaction-history.js';
import { checkCopies } from './check-copies.js';

const ledger = [
  { offset: 0, value: 't1.0' },
  { offset: 3, value: 't2.0' },
];

function copied(...copies: readonly string[]): TransactionHistory {
  const history = new TransactionHistory();
  history.lists.push({ partition: 0, records: ledger });
  history.copies.push({ partition: 0, records: copies.map((value, offset) => ({ offset, value })) });
  return history;
}

const [first = '', second = ''] = ledger.map((record) => copyOf({ partition: 0, ...record }));
const told = (history: TransactionHistory): string[] => checkCopies(history).map(({ invariant }) => invariant);

test('everything copied once, in its order, is right', () => {
  expect(told(copied(first, second))).toEqual([]);
});

test.each([
  ['a record that was not copied', [first]],
  ['a record that was copied twice', [first, first, second]],
  ['a copy of what is not committed', [first, second, '0@5=t3.0']],
  ['copies in another order', [second, first]],
])('%s is told', (_, copies) => {
  expect(told(copied(...copies))).toEqual(['E6']);
});
