/**
 * What transactional programs were told, against what is committed in the end:
 * - E1: all of a transaction is there, once and in the order in which it was sent, or nothing of it; all when it was told
 *   to be committed, nothing when it was told to be aborted;
 * - E2: nobody is fenced as long as no other producer has had the transactional id;
 * - C3: nobody who reads committed records ever gets another;
 * - C4: an offset stands for one value, for everybody, for ever;
 * - C8, C9: what was read before the end was stable (`check-stable-reads.ts`), and E6: what was copied (`check-copies.ts`);
 * - E7: transactions that read and write lists stand in an order (`transaction-cycles.ts`).
 */
import type { TransactionEntry, TransactionHistory } from '../workload/transaction-history.js';
import { checkCopies } from './check-copies.js';
import { checkStableReads } from './check-stable-reads.js';
import { anomaliesOf, type ListTransaction } from './transaction-cycles.js';
import { violation, type Violation } from './violation.js';

export function checkTransactions(history: TransactionHistory): Violation[] {
  // A run that did not come to its end says so itself.
  if (history.lists.length === 0) return [];
  const offsets = new Map<string, number[]>();
  for (const { partition, records } of history.lists) {
    for (const { offset, value } of records) {
      const key = `${partition} ${value}`;
      offsets.set(key, [...(offsets.get(key) ?? []), offset]);
    }
  }
  return [
    ...history.entries.flatMap((entry) => atomicity(entry, offsets)).slice(0, 3),
    ...fencedByNobody(history),
    ...earlyReads(history),
    ...checkStableReads(history),
    ...checkCopies(history),
    ...cycles(history, offsets),
  ];
}

function atomicity(entry: TransactionEntry, offsets: ReadonlyMap<string, readonly number[]>): Violation[] {
  const { id, writes, outcome } = entry;
  const there = writes.map(({ partition, value }) => offsets.get(`${partition} ${value}`) ?? []);
  const count = there.filter(({ length }) => length > 0).length;
  const tell = (text: string): Violation[] => [
    violation('E1', `${id} of ${entry.client}, which was told to be ${outcome}, ${text}`, [
      ...(entry.error === undefined ? [] : [entry.error]),
      ...writes.map(
        ({ partition, value }, index) => `${value} to ${partition}: ${there[index]?.join() || 'not there'}`,
      ),
    ]),
  ];
  if (there.some(({ length }) => length > 1)) return tell('is there twice');
  if (count > 0 && count < writes.length) return tell(`is there by ${count} of its ${writes.length} values`);
  if (outcome === 'committed' && count < writes.length) return tell('is not there');
  if (outcome === 'aborted' && count > 0) return tell('is there');
  const last = new Map<number, number>();
  for (const [index, { partition }] of writes.entries()) {
    const offset = there[index]?.[0];
    if (offset === undefined) continue;
    if (offset < (last.get(partition) ?? -1)) return tell('is not in the order in which it was sent');
    last.set(partition, offset);
  }
  return [];
}

/** A producer that asked again after a lost answer has not been replaced. */
function fencedByNobody({ entries, producers }: TransactionHistory): Violation[] {
  const wronged = entries.filter(({ transactionalId, error, endedMs }) => {
    if (error?.startsWith('PRODUCER_FENCED') !== true) return false;
    const made = producers.filter((one) => one.transactionalId === transactionalId && one.madeMs <= endedMs);
    return made.length === 1 && made[0]?.isKnownOnce === true;
  });
  return wronged
    .slice(0, 3)
    .map(({ id, client, transactionalId, error = '' }) =>
      violation('E2', `${client} was fenced in ${id}, and nobody else has ever had ${transactionalId}`, [error]),
    );
}

/** What was read at any time is there in the end, at its offset. */
function earlyReads({ reads, lists }: TransactionHistory): Violation[] {
  const values = new Map<string, string>();
  for (const { partition, records } of lists) {
    for (const { offset, value } of records) values.set(`${partition}@${offset}`, value);
  }
  const wrong = reads.filter(({ partition, offset, value }) => values.get(`${partition}@${offset}`) !== value);
  if (wrong.length === 0) return [];
  const evidence = wrong.map(
    ({ reader, partition, offset, value, readMs }) =>
      `${reader} got ${value} at ${partition}@${offset} at ${readMs.toFixed(1)} ms; in the end: ${values.get(`${partition}@${offset}`) ?? 'nothing'}`,
  );
  return [violation('C3', `${wrong.length} records were read as committed that are not`, evidence)];
}

const allowed: ReadonlySet<string> = new Set(['G0', 'G1c-ww', 'G2']);

function cycles({ entries, lists }: TransactionHistory, offsets: ReadonlyMap<string, readonly number[]>): Violation[] {
  const isThere = ({ writes, outcome }: TransactionEntry): boolean =>
    outcome === 'committed' || writes.some(({ partition, value }) => offsets.has(`${partition} ${value}`));
  const listed = (values: TransactionEntry['writes']): ListTransaction['writes'] =>
    values.map(({ partition, value }) => ({ list: partition, value }));
  const anomalies = anomaliesOf({
    committed: entries
      .filter(isThere)
      .map(({ id, writes, reads }) => ({ id, writes: listed(writes), reads: listed(reads) })),
    aborted: new Set(
      entries.filter((entry) => !isThere(entry)).flatMap(({ writes }) => writes.map(({ value }) => value)),
    ),
    lists: new Map(lists.map(({ partition, records }) => [partition, records.map(({ value }) => value)])),
  });
  return anomalies
    .filter(({ kind }) => !allowed.has(kind))
    .map(({ kind, ids }) => violation('E7', `${kind} among transactions`, [ids.join(' -> ')]));
}
