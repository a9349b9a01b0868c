/**
 * Transactions in one log, against a list of what was written: however the log is cut, trimmed, closed and killed, it
 * is stable up to the same offset and the same records count as committed.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCode } from '@millrace/base';
import { BatchView, encodeBatch, encodeTransactionMarker } from '@millrace/record';
import { SimulatedDisk } from '@millrace/testkit';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { runsOf } from '../test-runs.js';
import { decode, TestPartition } from './test-partition.js';

interface Written {
  readonly producerId: number;
  readonly kind: 'plain' | 'data' | 'commit' | 'abort';
}

/** One offset each. */
class Model {
  written: Written[] = [];
  startOffset = 0;

  /** The marker that ends the transaction of the record at an offset; -1 when there is none. */
  #markerOf(offset: number): number {
    const { producerId } = this.written[offset] ?? { producerId: -1 };
    return this.written.findIndex(
      (later, at) =>
        at > offset && later.producerId === producerId && (later.kind === 'commit' || later.kind === 'abort'),
    );
  }

  lastStableOffset(highWatermark: number): number {
    for (let offset = 0; offset < highWatermark; offset++) {
      if (this.written[offset]?.kind !== 'data') continue;
      const marker = this.#markerOf(offset);
      if (marker === -1 || marker >= highWatermark) return Math.max(this.startOffset, offset);
    }
    return Math.max(this.startOffset, highWatermark);
  }

  committed(fromOffset: number, toOffset: number): number[] {
    const found: number[] = [];
    for (let offset = fromOffset; offset < toOffset; offset++) {
      const one = this.written[offset];
      const isCommitted = one?.kind === 'data' && this.written[this.#markerOf(offset)]?.kind === 'commit';
      if (one?.kind === 'plain' || isCommitted) found.push(offset);
    }
    return found;
  }
}

/** As a reader of committed records leaves out the others, by the protocol's rule. */
async function readCommitted(log: PartitionLog, fromOffset: number, toOffset: number): Promise<number[]> {
  const aborted = log.abortedTransactions(fromOffset, toOffset);
  const found: number[] = [];
  const view = new BatchView();
  for (let offset = fromOffset; offset < toOffset;) {
    const read = await log.read(offset, 200, toOffset);
    const { bytes } = read;
    for (let position = 0; position < bytes.length; position += view.sizeBytes) {
      view.at(bytes, position);
      const { baseOffset, lastOffset, producerId, isControl, isTransactional } = view;
      const isAborted = aborted.some(
        (one) => one.producerId === producerId && one.firstOffset <= baseOffset && baseOffset < one.lastOffset,
      );
      offset = lastOffset + 1;
      if (isControl || (isTransactional && isAborted)) continue;
      for (const record of decode(bytes.subarray(position, position + view.sizeBytes))) found.push(record.offset);
    }
    read.release?.();
  }
  return found.filter((offset) => offset >= fromOffset);
}

class Run {
  readonly model = new Model();
  readonly #epochs = new Map<number, number>();
  readonly #sequences = new Map<number, number>();
  #partition: TestPartition;
  #leaderEpoch = 0;

  constructor(partition: TestPartition) {
    this.#partition = partition;
  }

  get log(): PartitionLog {
    return this.#partition.log;
  }

  /** Producers 1 and 2 write in transactions, 0 without. */
  write(producerId: number): void {
    const producerEpoch = this.#epochs.get(producerId) ?? 0;
    const baseSequence = this.#sequences.get(producerId) ?? 0;
    const options = { producerId, producerEpoch, baseSequence, isTransactional: true };
    const bytes = encodeBatch([{ value: 'v' }], producerId === 0 ? {} : options);
    this.log.append(bytes, { origin: 'client', leaderEpoch: this.#leaderEpoch });
    this.model.written.push({ producerId, kind: producerId === 0 ? 'plain' : 'data' });
    this.#sequences.set(producerId, baseSequence + 1);
  }

  end(producerId: number, kind: 'commit' | 'abort'): void {
    const producerEpoch = (this.#epochs.get(producerId) ?? 0) + 1;
    const marker = encodeTransactionMarker({ kind, producerId, producerEpoch, coordinatorEpoch: 0, timestampMs: 0 });
    const again = Buffer.from(marker);
    const options = { origin: 'coordinator', leaderEpoch: this.#leaderEpoch } as const;
    const { lastOffset } = this.log.append(marker, options);
    expect(this.log.append(again, options)).toMatchObject({ duplicate: true, lastOffset });
    this.model.written.push({ producerId, kind });
    this.#epochs.set(producerId, producerEpoch);
    this.#sequences.set(producerId, 0);
  }

  checkpoint(): Promise<void> {
    return this.#partition.checkpoint();
  }

  async reopen(clean: boolean): Promise<void> {
    const { disk } = this.#partition;
    let after = disk;
    if (clean) {
      await this.#partition.close();
    } else {
      await this.log.sync();
      after = await this.#partition.kill();
    }
    this.#partition = await TestPartition.open(after, { clean });
    expect(this.log.offlineReason).toBeUndefined();
  }

  /** A new leader's history begins at `offset`; producers there go on in new epochs. */
  async truncate(offset: number): Promise<void> {
    const to = Math.max(offset, this.model.startOffset);
    if (to >= this.log.endOffset) return;
    await this.log.truncateTo(to);
    this.model.written.length = to;
    this.#leaderEpoch++;
    // What they wrote last may be gone: only the log knows which epoch and sequence are next.
    this.#epochs.clear();
    this.#sequences.clear();
    for (const { producerId, producerEpoch, lastSequence } of this.log.producers()) {
      this.#epochs.set(producerId, producerEpoch);
      this.#sequences.set(producerId, lastSequence + 1);
    }
  }

  async deleteTo(offset: number): Promise<void> {
    const to = this.model.lastStableOffset(Math.min(offset, this.log.endOffset));
    await this.log.advanceStartOffset(to);
    this.model.startOffset = Math.max(this.model.startOffset, to);
  }

  async check(fraction: number): Promise<void> {
    const { startOffset } = this.model;
    const end = this.log.endOffset;
    expect(end).toBe(this.model.written.length);
    const highWatermark = startOffset + Math.floor((end - startOffset) * fraction);
    const stable = this.model.lastStableOffset(highWatermark);
    // Asked with a lower high watermark than before, the log may have forgotten how an ended transaction stood then.
    expect(this.log.lastStableOffset(end)).toBe(this.model.lastStableOffset(end));
    for (const from of [startOffset, Math.floor((startOffset + stable) / 2)]) {
      expect(await readCommitted(this.log, from, stable)).toEqual(this.model.committed(from, stable));
    }
  }
}

const commands = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('write'), producerId: fc.nat(2) }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('commit', 'abort'), producerId: fc.integer({ min: 1, max: 2 }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constantFrom('truncate', 'delete'),
        at: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('checkpoint', 'close', 'kill') }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('check'), at: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  ),
  { maxLength: 60 },
);

async function carryOut(run: Run, command: { do: string; producerId?: number; at?: number }): Promise<void> {
  const { producerId = 0, at = 0 } = command;
  const offset = Math.floor(at * (run.log.endOffset + 1));
  if (command.do === 'write') run.write(producerId);
  else if (command.do === 'commit' || command.do === 'abort') run.end(producerId, command.do);
  else if (command.do === 'truncate') await run.truncate(offset);
  else if (command.do === 'delete') await run.deleteTo(offset);
  else if (command.do === 'checkpoint') await run.checkpoint();
  else if (command.do === 'check') await run.check(at);
  else await run.reopen(command.do === 'close');
}

describe('transactions in a log', () => {
  test('what is stable and what counts are the same as in a list of all that was written', async () => {
    await fc.assert(
      fc.asyncProperty(commands, async (list) => {
        const run = new Run(await TestPartition.open(new SimulatedDisk()));
        for (const command of list) await carryOut(run, command);
        await run.check(1);
      }),
      { numRuns: runsOf(150) },
    );
  });

  test('a marker above the high watermark decides nothing yet', async () => {
    const run = new Run(await TestPartition.open(new SimulatedDisk()));
    run.write(0);
    run.write(1);
    run.write(0);
    run.end(1, 'commit');
    run.write(0);
    expect([1, 2, 3, 4, 5].map((highWatermark) => run.log.lastStableOffset(highWatermark))).toEqual([1, 1, 1, 4, 5]);
  });

  test('what comes late of a transaction that ended is refused, and so is what does not belong to it', async () => {
    const run = new Run(await TestPartition.open(new SimulatedDisk()));
    const append = (producerEpoch: number, baseSequence: number, isTransactional: boolean): string => {
      const options = { producerId: 1, producerEpoch, baseSequence, isTransactional };
      try {
        run.log.append(encodeBatch([{ value: 'v' }], options), { origin: 'client', leaderEpoch: 0 });
        return 'appended';
      } catch (error) {
        return errorCode(error);
      }
    };
    run.write(1);
    expect(run.log.isInTransaction(1, 0)).toBe(true);
    expect(append(0, 1, false)).toBe('INVALID_TXN_STATE');
    expect(append(1, 0, true)).toBe('INVALID_TXN_STATE');
    run.end(1, 'commit');
    expect(run.log.isInTransaction(1, 0)).toBe(false);
    expect(append(0, 1, true)).toBe('INVALID_PRODUCER_EPOCH');
    expect(append(1, 0, true)).toBe('appended');
    expect(run.log.isInTransaction(1, 1)).toBe(true);
    expect(run.log.producers()).toMatchObject([{ producerId: 1, producerEpoch: 1, transactionStartOffset: 2 }]);
  });

  test('a marker of a coordinator that was replaced is refused', async () => {
    const { log } = await TestPartition.open(new SimulatedDisk());
    const mark = (producerEpoch: number, coordinatorEpoch: number): unknown =>
      log.append(
        encodeTransactionMarker({ kind: 'abort', producerId: 1, producerEpoch, coordinatorEpoch, timestampMs: 0 }),
        {
          origin: 'coordinator',
          leaderEpoch: 0,
        },
      );
    mark(1, 4);
    expect(() => mark(2, 3)).toThrow(expect.objectContaining({ code: 'TRANSACTION_COORDINATOR_FENCED' }));
    expect(() => mark(0, 4)).toThrow(expect.objectContaining({ code: 'INVALID_PRODUCER_EPOCH' }));
    expect(log.endOffset).toBe(1);
  });

  test('a producer with an open transaction is not forgotten, however silent', async () => {
    const run = new Run(await TestPartition.open(new SimulatedDisk(), { config: { producerIdExpirationMs: 1 } }));
    run.write(1);
    run.write(2);
    run.end(2, 'abort');
    await run.log.applyRetention(0);
    expect(run.log.isInTransaction(1, 0)).toBe(true);
  });
});
