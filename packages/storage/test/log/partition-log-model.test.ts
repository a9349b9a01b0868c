/** The log against an array: random operations on both, and every answer compared. */
import fc from 'fast-check';
import { SimulatedDisk, ManualClock, seededRandom } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { report, runsOf } from '../test-runs.js';
import { batchOf, decode, TestPartition } from './test-partition.js';

interface ModelRecord {
  readonly offset: number;
  readonly value: string;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
  /** Offset of the first record of its batch. */
  readonly batch: number;
}

type Step =
  | {
      readonly do: 'append';
      readonly sizes: readonly number[];
      readonly times: readonly number[];
      readonly bump: boolean;
    }
  | { readonly do: 'sync' | 'checkpoint' | 'clean restart' | 'kill' | 'power cut' | 'compare all' }
  | { readonly do: 'read'; readonly at: number; readonly maxBytes: number; readonly end: number }
  | { readonly do: 'truncate' | 'delete' | 'find time' | 'epoch'; readonly at: number }
  | { readonly do: 'retain'; readonly bytes: number; readonly ageMs: number }
  | { readonly do: 'reset'; readonly by: number };

const share = fc.integer({ min: 0, max: 1000 });
const append = fc.record({
  do: fc.constant('append' as const),
  sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
  times: fc.array(fc.integer({ min: -50, max: 200 }), { minLength: 5, maxLength: 5 }),
  bump: fc.boolean(),
});
const simple = fc
  .constantFrom('sync', 'checkpoint', 'clean restart', 'kill', 'power cut', 'compare all')
  .map((name) => ({ do: name }));
const read = fc.record({
  do: fc.constant('read' as const),
  at: share,
  maxBytes: fc.integer({ min: 1, max: 2000 }),
  end: share,
});
const at = fc.record({ do: fc.constantFrom('truncate' as const, 'delete', 'find time', 'epoch'), at: share });
const retain = fc.record({
  do: fc.constant('retain' as const),
  bytes: fc.integer({ min: -1, max: 4000 }),
  ageMs: fc.integer({ min: -1, max: 300 }),
});
const reset = fc.record({ do: fc.constant('reset' as const), by: fc.integer({ min: -20, max: 20 }) });
const step = fc.oneof(
  { weight: 12, arbitrary: append },
  { weight: 6, arbitrary: simple },
  { weight: 6, arbitrary: read },
  { weight: 5, arbitrary: at },
  { weight: 1, arbitrary: retain },
  { weight: 1, arbitrary: reset },
) as fc.Arbitrary<Step>;

class Model {
  records: ModelRecord[] = [];
  startOffset = 0;
  endOffset = 0;
  syncedOffset = 0;
  epoch = 0;

  get live(): ModelRecord[] {
    return this.records.filter((record) => record.offset >= this.startOffset);
  }

  offsetAt(share: number): number {
    return this.startOffset + Math.floor(((this.endOffset - this.startOffset) * share) / 1000);
  }

  cut(offset: number): void {
    // Batches go whole.
    const end = this.records.find((record) => record.offset === offset)?.batch ?? offset;
    this.records = this.records.filter((record) => record.offset < end);
    this.endOffset = Math.min(this.endOffset, end);
    this.syncedOffset = Math.min(this.syncedOffset, end);
    if (this.endOffset >= this.startOffset) return;
    this.records = [];
    this.endOffset = this.startOffset;
    this.syncedOffset = this.startOffset;
  }

  endOfEpoch(epoch: number): number {
    return this.records.find((record) => record.leaderEpoch > epoch)?.offset ?? this.endOffset;
  }
}

class Run {
  readonly clock = new ManualClock();
  readonly model = new Model();
  readonly cached: boolean;
  #partition: TestPartition;
  #values = 0;

  private constructor(partition: TestPartition, clock: ManualClock, cached: boolean) {
    this.#partition = partition;
    this.clock = clock;
    this.cached = cached;
  }

  static async begin(cached: boolean, seed: number): Promise<Run> {
    const clock = new ManualClock();
    const disk = new SimulatedDisk(seededRandom(seed).stream('disk'), { record: false });
    return new Run(await TestPartition.open(disk, { clock, cached }), clock, cached);
  }

  async step(step: Step): Promise<void> {
    const { model } = this;
    const { log } = this.#partition;
    switch (step.do) {
      case 'append':
        this.#append(step.sizes, step.times, step.bump);
        break;
      case 'sync':
        await log.sync();
        model.syncedOffset = model.endOffset;
        expect(log.syncedEndOffset).toBe(log.endOffset);
        break;
      case 'checkpoint':
        await this.#partition.checkpoint();
        model.syncedOffset = model.endOffset;
        expect(log.recoveryPoint).toBe(model.endOffset);
        break;
      case 'clean restart':
        await this.#partition.close();
        await this.#reopen(this.#partition.disk, true);
        model.syncedOffset = model.endOffset;
        break;
      case 'kill':
        await this.#reopen(await this.#partition.kill(), false);
        model.syncedOffset = model.endOffset;
        break;
      case 'power cut': {
        const { syncedEndOffset } = log;
        await this.#reopen(this.#partition.disk.crash('random'), false);
        const { endOffset } = this.#partition.log;
        expect(endOffset).toBeGreaterThanOrEqual(syncedEndOffset);
        expect(endOffset).toBeLessThanOrEqual(model.endOffset);
        model.cut(endOffset);
        expect(model.endOffset).toBe(endOffset);
        model.syncedOffset = endOffset;
        break;
      }
      case 'read':
        await this.#read(model.offsetAt(step.at), step.maxBytes, model.offsetAt(step.end));
        break;
      case 'truncate':
        await log.truncateTo(model.offsetAt(step.at));
        model.cut(model.offsetAt(step.at));
        break;
      case 'delete':
        await log.advanceStartOffset(model.offsetAt(step.at));
        model.startOffset = model.offsetAt(step.at);
        model.syncedOffset = Math.max(model.syncedOffset, log.syncedEndOffset);
        break;
      case 'find time':
        await this.#findTime(step.at);
        break;
      case 'epoch':
        this.#compareEpochs();
        break;
      case 'retain':
        await this.#retain(step.bytes, step.ageMs);
        break;
      case 'reset': {
        const offset = Math.max(0, model.endOffset + step.by);
        await log.resetTo(offset);
        model.records = [];
        model.startOffset = offset;
        model.endOffset = offset;
        model.syncedOffset = offset;
        break;
      }
      case 'compare all':
        await this.compareAll();
    }
    this.#compareEnds();
  }

  async compareAll(): Promise<void> {
    const found = await this.#partition.readAll();
    expect(found).toEqual(this.model.live.map(({ batch: _, ...record }) => record));
    this.#compareEpochs();
  }

  #append(sizes: readonly number[], times: readonly number[], bump: boolean): void {
    const { model, clock } = this;
    if (bump) model.epoch++;
    clock.advance(10);
    const base = model.endOffset;
    const added = sizes.map((size, index): ModelRecord => {
      const value = `${this.#values++}`.padEnd(size, '.');
      const timestampMs = clock.wallMs() + (times[index] ?? 0);
      return { offset: base + index, value, timestampMs, leaderEpoch: model.epoch, batch: base };
    });
    const bytes = batchOf({
      values: added.map((record) => record.value),
      timestampsMs: added.map((record) => record.timestampMs),
    });
    const result = this.#partition.log.append(bytes, { origin: 'client', leaderEpoch: model.epoch });
    expect(result.baseOffset).toBe(base);
    model.records.push(...added);
    model.endOffset += added.length;
  }

  async #read(offset: number, maxBytes: number, endOffset: number): Promise<void> {
    const { model } = this;
    const { log } = this.#partition;
    const result = await log.read(offset, maxBytes, endOffset);
    const sizeBytes = result.bytes.length;
    const found = decode(result.bytes);
    result.release?.();
    const first = model.records.find((record) => record.offset === offset);
    const ends = new Set(model.records.map((record) => record.batch));
    const last = found.at(-1);
    const nextBatch = model.records.find((record) => record.batch > (first?.batch ?? 0))?.batch ?? model.endOffset;
    if (first === undefined || nextBatch > endOffset) {
      expect(found).toEqual([]);
      return;
    }
    expect(last).toBeDefined();
    const end = (last?.offset ?? 0) + 1;
    expect(end).toBeLessThanOrEqual(endOffset);
    expect(end === model.endOffset || ends.has(end)).toBe(true);
    const expected = model.records.filter((record) => record.offset >= first.batch && record.offset < end);
    expect(found).toEqual(expected.map(({ batch: _, ...record }) => record));
    if (sizeBytes > maxBytes) expect(end).toBe(nextBatch);
  }

  async #findTime(at: number): Promise<void> {
    const { model } = this;
    const { log } = this.#partition;
    const live = model.live;
    const some = live[Math.floor((live.length * at) / 1001)];
    const timestampMs = (some?.timestampMs ?? this.clock.wallMs()) + (at % 3) - 1;
    const expected = live.find((record) => record.timestampMs >= timestampMs);
    const answer = expected && {
      offset: expected.offset,
      timestampMs: expected.timestampMs,
      leaderEpoch: expected.leaderEpoch,
    };
    expect(await log.offsetForTimestamp(timestampMs)).toEqual(answer);
    const largestMs = Math.max(...live.map((record) => record.timestampMs));
    const largest = live.find((record) => record.timestampMs === largestMs);
    const found = await log.largestTimestamp();
    expect(found?.offset).toBe(largest?.offset);
  }

  async #retain(bytes: number, ageMs: number): Promise<void> {
    const { model, clock } = this;
    const { log } = this.#partition;
    const before = log.startOffset;
    log.setConfig({ ...log.config, retentionBytes: bytes, retentionMs: ageMs });
    const highWatermark = model.syncedOffset;
    await log.applyRetention(highWatermark);
    log.setConfig({ ...log.config, retentionBytes: -1, retentionMs: -1 });
    expect(log.startOffset).toBeGreaterThanOrEqual(before);
    expect(log.startOffset).toBeLessThanOrEqual(Math.max(before, highWatermark));
    const gone = model.live.filter((record) => record.offset < log.startOffset);
    const isYoung = gone.some((record) => record.timestampMs >= clock.wallMs() - ageMs);
    if (bytes < 0 && ageMs < 0) expect(gone).toEqual([]);
    // A batch that was deleted in part keeps its time, and the time of an append may stand for a record from the future.
    if (bytes < 0 && isYoung) expect(gone.some((record) => record.timestampMs > clock.wallMs())).toBe(true);
    model.startOffset = log.startOffset;
    model.syncedOffset = Math.max(model.syncedOffset, log.syncedEndOffset);
  }

  #compareEpochs(): void {
    const { model } = this;
    const { log } = this.#partition;
    const live = model.live;
    // What the last records had that were deleted, is known until a restart.
    if (log.sizeBytes > 0) expect(log.leaderEpoch).toBe(model.records.at(-1)?.leaderEpoch ?? -1);
    for (const { leaderEpoch } of live) {
      expect(log.endOffsetForEpoch(leaderEpoch)).toEqual({
        epoch: leaderEpoch,
        endOffset: model.endOfEpoch(leaderEpoch),
      });
    }
    const entries = log.epochs;
    for (const { epoch, startOffset } of entries) {
      if (startOffset < model.startOffset || startOffset === model.endOffset) continue;
      const record = model.records.find((each) => each.offset === startOffset);
      expect(record).toMatchObject({ leaderEpoch: epoch, batch: startOffset });
    }
  }

  #compareEnds(): void {
    const { log } = this.#partition;
    expect(log.offlineReason).toBeUndefined();
    expect([log.startOffset, log.endOffset]).toEqual([this.model.startOffset, this.model.endOffset]);
    expect(log.recoveryPoint).toBeLessThanOrEqual(log.syncedEndOffset);
    expect(log.syncedEndOffset).toBeLessThanOrEqual(log.endOffset);
  }

  async #reopen(disk: SimulatedDisk, clean: boolean): Promise<void> {
    const { clock, cached } = this;
    this.#partition = await TestPartition.open(disk, { clean, clock, cached });
  }
}

describe('a partition log and an array', () => {
  test('give the same answers, whatever is done to them', async () => {
    let steps = 0;
    const runs = runsOf(120);
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
        fc.boolean(),
        fc.nat(),
        async (all, cached, seed) => {
          const run = await Run.begin(cached, seed);
          for (const each of all) {
            await run.step(each);
            steps++;
          }
          await run.compareAll();
        },
      ),
      { numRuns: runs, endOnFailure: false },
    );
    report(`log against an array: ${runs} runs, ${steps} steps`);
  });
});
