/**
 * What was copied in transactions that commit how far their group has come, against what it was copied from (E6): each record
 * that is committed in the end is there once, and nothing else is. A copy that is missing would have been committed as done
 * without it, and one too many would have counted without being committed as done: both are halves of a transaction (E1).
 */
import { copyOf, type TransactionHistory } from '../workload/transaction-history.js';
import { violation, type Violation } from './violation.js';

export function checkCopies({ lists, copies }: TransactionHistory): Violation[] {
  const found: Violation[] = [];
  for (const { partition, records } of copies) {
    const source = lists.find((list) => list.partition === partition);
    if (source === undefined) continue;
    const expected = source.records.map((record) => copyOf({ partition, ...record }));
    const counts = new Map<string, number>();
    for (const { value } of records) counts.set(value, (counts.get(value) ?? 0) + 1);
    const evidence = [
      ...expected.filter((copy) => !counts.has(copy)).map((copy) => `${copy} was not copied`),
      ...[...counts].filter(([, count]) => count > 1).map(([copy, count]) => `${copy} is there ${count} times`),
    ];
    const isExpected = new Set(expected);
    for (const copy of counts.keys()) if (!isExpected.has(copy)) evidence.push(`${copy} is no committed record`);
    if (evidence.length > 0) found.push(violation('E6', `not everything was copied once in ${partition}`, evidence));
    else if (records.some(({ value }, index) => value !== expected[index])) {
      const text = records.map(({ value }) => value).join(', ');
      found.push(violation('E6', `the copies of partition ${partition} are not in the order of its records`, [text]));
    }
  }
  return found;
}
