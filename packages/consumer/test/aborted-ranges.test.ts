import { BatchView, encodeTransactionMarker, loadCompression, patchBatch, type Compression } from '@millrace/record';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AbortedRange, AbortedRanges } from '../src/aborted-ranges.js';
import { readChunk } from '../src/chunk.js';
import { PartitionState } from '../src/partition-state.js';
import { RecordReader } from '../src/record-reader.js';
import { batchAt, joined } from './fetched.js';

function markerAt(baseOffset: number, producerId: number, kind: 'commit' | 'abort'): Uint8Array {
  const bytes = encodeTransactionMarker({ kind, coordinatorEpoch: 0, producerId, producerEpoch: 1, timestampMs: 1 });
  patchBatch(bytes, 0, { baseOffset, leaderEpoch: 0 });
  return bytes;
}

function delivered(bytes: Uint8Array, fetchOffset: number, aborted: readonly AbortedRange[]): number[] {
  const chunk = readChunk({ bytes, highWatermark: 1000, aborted }, fetchOffset);
  const options = { maxDecompressedBytes: 1 << 20, deserializers: { key: undefined, value: undefined } };
  const state = new PartitionState('t', 0, { offset: fetchOffset });
  const read = (): number[] => {
    const reader = new RecordReader({ state, chunk, ...options });
    const offsets: number[] = [];
    for (let record = reader.next(); record !== undefined; record = reader.next()) offsets.push(record.offset);
    return offsets;
  };
  const offsets = read();
  // A batch can be gone through twice.
  expect(read()).toEqual(offsets);
  if (!chunk.hasRecords) expect(offsets).toEqual([]);
  return offsets;
}

const inTransaction = (producerId: number) => ({ isTransactional: true, producerId, producerEpoch: 0 });

describe('aborted ranges', () => {
  test('are none when the leader tells of none', () => {
    expect(AbortedRanges.of([])).toBeUndefined();
  });

  test('leave out the batches of the aborted transaction, and no others between them', () => {
    const bytes = joined(
      batchAt(0, 2, inTransaction(7)),
      batchAt(2, 2, inTransaction(8)),
      batchAt(4, 1),
      batchAt(5, 1, { producerId: 7, producerEpoch: 0 }),
      batchAt(6, 1, inTransaction(7)),
      markerAt(7, 7, 'abort'),
      batchAt(8, 1, inTransaction(7)),
      markerAt(9, 8, 'commit'),
      markerAt(10, 7, 'commit'),
    );
    expect(delivered(bytes, 0, [{ producerId: 7, firstOffset: 0, lastOffset: 7 }])).toEqual([2, 3, 4, 5, 8]);
  });

  test('leave out a batch that begins before the fetch offset, compressed or not', async () => {
    for (const compression of ['none', 'gzip', 'zstd', 'snappy'] satisfies Compression[]) {
      await loadCompression(compression);
      const bytes = joined(
        batchAt(10, 5, { ...inTransaction(7), compression }),
        batchAt(15, 1),
        markerAt(16, 7, 'abort'),
      );
      expect(delivered(bytes, 12, [{ producerId: 7, firstOffset: 3, lastOffset: 16 }])).toEqual([15]);
    }
  });

  test('say of a chunk of nothing but aborted records and markers that nobody gets anything of it', () => {
    const bytes = joined(batchAt(0, 2, inTransaction(7)), markerAt(2, 7, 'abort'), markerAt(3, 8, 'commit'));
    const aborted = [{ producerId: 7, firstOffset: 0, lastOffset: 2 }];
    expect(readChunk({ bytes, highWatermark: 4, aborted }, 0)).toMatchObject({ hasRecords: false, nextOffset: 4 });
    expect(readChunk({ bytes, highWatermark: 4 }, 0)).toMatchObject({ hasRecords: true, nextOffset: 4 });
  });

  test('give what a model of committed transactions gives, from any offset, for any mix of producers', () => {
    const step = fc.oneof(
      {
        weight: 5,
        arbitrary: fc.record({
          kind: fc.constant('write' as const),
          producer: fc.nat(3),
          count: fc.integer({ min: 1, max: 3 }),
        }),
      },
      {
        weight: 1,
        arbitrary: fc.record({
          kind: fc.constant('plain' as const),
          producer: fc.nat(3),
          count: fc.integer({ min: 1, max: 3 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('commit' as const), producer: fc.nat(3), count: fc.constant(1) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constant('abort' as const), producer: fc.nat(3), count: fc.constant(1) }),
      },
    );
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 1, maxLength: 40 }),
        fc.nat(1000),
        fc.nat(1000),
        (steps, from, length) => {
          const batches: { bytes: Uint8Array; base: number; next: number }[] = [];
          const visible = new Set<number>();
          const aborted: AbortedRange[] = [];
          const open = new Map<number, number[]>();
          let end = 0;
          const add = (bytes: Uint8Array, count: number): void => {
            batches.push({ bytes, base: end, next: end + count });
            end += count;
          };
          const finish = (producer: number, kind: 'commit' | 'abort'): void => {
            const offsets = open.get(producer);
            open.delete(producer);
            if (offsets !== undefined && kind === 'commit') for (const offset of offsets) visible.add(offset);
            if (offsets !== undefined && kind === 'abort') {
              aborted.push({ producerId: producer, firstOffset: offsets[0] as number, lastOffset: end });
            }
            add(markerAt(end, producer, kind), 1);
          };
          for (const { kind, producer, count } of steps) {
            if (kind === 'commit' || kind === 'abort') finish(producer, kind);
            else {
              const offsets = Array.from({ length: count }, (_, index) => end + index);
              if (kind === 'plain') for (const offset of offsets) visible.add(offset);
              else open.set(producer, [...(open.get(producer) ?? []), ...offsets]);
              const compression = end % 3 === 0 ? ('gzip' as const) : ('none' as const);
              add(batchAt(end, count, { ...(kind === 'plain' ? {} : inTransaction(producer)), compression }), count);
            }
          }
          // Only up to the last stable offset is anything served: by then every transaction has ended.
          for (const producer of [...open.keys()]) finish(producer, 'abort');

          const fetchOffset = from % end;
          const first = batches.findIndex(({ next }) => next > fetchOffset);
          const fetched = batches.slice(first, first + 1 + (length % (batches.length - first)));
          const toOffset = fetched.at(-1)?.next ?? fetchOffset;
          const told = aborted.filter((range) => range.lastOffset >= fetchOffset && range.firstOffset < toOffset);
          const expected = [...visible].filter((offset) => offset >= fetchOffset && offset < toOffset);
          const got = delivered(joined(...fetched.map(({ bytes }) => bytes)), fetchOffset, told);
          expect(got).toEqual(expected.sort((a, b) => a - b));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('take offsets in order: ranges that lie behind are passed over', () => {
    const ranges = AbortedRanges.of([
      { producerId: 7, firstOffset: 0, lastOffset: 2 },
      { producerId: 7, firstOffset: 3, lastOffset: 5 },
    ]);
    const view = new BatchView();
    const isAborted = (offset: number): boolean | undefined =>
      ranges?.has(view.at(batchAt(offset, 1, inTransaction(7)), 0));
    expect([0, 3, 6].map(isAborted)).toEqual([true, true, false]);
  });
});
