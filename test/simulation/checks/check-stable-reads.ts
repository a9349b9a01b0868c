/**
 * What those who read committed records got while transactions were open, against what is committed in the end:
 * - C8: each got all that is committed, from where it began, and left nothing out;
 * - C9: nobody got a record behind one of a transaction whose end had not been asked for: it lies beyond the last stable
 *   offset.
 */
import type { CommittedRead, TransactionHistory } from '../workload/transaction-history.js';
import { violation, type Violation } from './violation.js';

export function checkStableReads({ entries, reads, lists }: TransactionHistory): Violation[] {
  const askedMs = new Map<string, number>();
  for (const { writes, commitAskedMs } of entries) {
    for (const { value } of writes) askedMs.set(value, commitAskedMs);
  }
  const found: Violation[] = [];
  for (const { partition, records } of lists) {
    // When everything up to a record could be stable, at the earliest.
    let stableMs = 0;
    const places = records.map(({ offset, value }, index) => {
      stableMs = Math.max(stableMs, askedMs.get(value) ?? 0);
      return [offset, { index, stableMs }] as const;
    });
    const placeOf = new Map(places);
    for (const [reader, own] of readersOf(reads, partition)) {
      let next = 0;
      for (const { offset, readMs, value } of own) {
        const place = placeOf.get(offset);
        if (place === undefined) continue;
        const what = `${reader} got ${value} at ${partition}@${offset} at ${readMs.toFixed(1)} ms`;
        if (place.index !== next) {
          const skipped = records.slice(next, place.index).map((record) => `${record.value} at ${record.offset}`);
          found.push(violation('C8', `${what}, where another record was next`, skipped));
        }
        if (readMs < place.stableMs) {
          const text = `${what}; a transaction before it was open until ${place.stableMs.toFixed(1)} ms at least`;
          found.push(violation('C9', text));
        }
        next = place.index + 1;
      }
    }
  }
  return found.slice(0, 3);
}

function readersOf(reads: readonly CommittedRead[], partition: number): Map<string, CommittedRead[]> {
  const readers = new Map<string, CommittedRead[]>();
  for (const read of reads) {
    if (read.partition !== partition) continue;
    const own = readers.get(read.reader);
    if (own === undefined) readers.set(read.reader, [read]);
    else own.push(read);
  }
  return readers;
}
