/**
 * A workload on a recorded disk, and for every point of the recording what a log that is recovered there must hold,
 * and what it may hold.
 */
import { seededRandom, SimulatedDisk, type DiskOperation } from '@millrace/testkit';
import { ManualClock } from '@millrace/testkit';
import type { LogConfig } from '../../src/log-config.js';
import { batchOf, TestPartition, type TestBatch } from '../log/test-partition.js';

export interface WorkRecord {
  readonly offset: number;
  readonly value: string;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
  readonly batch: number;
}

/** What holds from operation `from` on, until the next one begins. */
export interface Expectation {
  readonly from: number;
  /** Their records were acknowledged, and not taken away. */
  readonly must: readonly WorkRecord[];
  /** Were appended, and not taken away: what a process that is killed leaves, whether it synced or not. */
  readonly written: readonly WorkRecord[];
  /** Whatever is found is one of these; without compaction, from the first found on, there is none left out. */
  readonly may: readonly WorkRecord[];
  readonly startOffsets: readonly number[];
  /** Ends that a log without records may have. */
  readonly canBeEmptyAt: readonly number[];
}

export interface Workload {
  readonly operations: readonly DiskOperation[];
  readonly expectations: readonly Expectation[];
  readonly isCompacted: boolean;
}

export type WorkStep =
  | {
      readonly do: 'append';
      readonly count: number;
      readonly bump?: boolean;
      readonly idempotent?: boolean;
      readonly keys?: number;
    }
  | { readonly do: 'sync' | 'checkpoint' | 'compact' }
  | { readonly do: 'truncate' | 'delete' | 'reset'; readonly to: number }
  | { readonly do: 'retain'; readonly bytes: number };

export const producerId = 7;

export class Recorder {
  readonly disk = new SimulatedDisk(seededRandom('workload').stream('disk'));
  readonly clock = new ManualClock();
  readonly expectations: Expectation[] = [];
  readonly config: Partial<LogConfig>;
  partition!: TestPartition;
  /** In the log's memory; those below `syncedEndOffset` are acknowledged. */
  records: WorkRecord[] = [];
  startOffset = 0;
  #epoch = 0;
  /** A producer whose batches were cut off begins anew, in a new epoch. */
  #producerEpoch = 0;
  #sequence = 0;
  #values = 0;

  private constructor(config: Partial<LogConfig>) {
    this.config = config;
  }

  static async run(steps: readonly WorkStep[], config: Partial<LogConfig> = {}): Promise<Workload> {
    const recorder = new Recorder(config);
    recorder.#expect({ must: [], written: [], may: [], startOffsets: [0], canBeEmptyAt: [0] });
    recorder.partition = await TestPartition.open(recorder.disk, { clock: recorder.clock, config });
    for (const step of steps) await recorder.#step(step);
    return {
      operations: recorder.disk.operations,
      expectations: recorder.expectations,
      isCompacted: config.cleanup !== undefined && config.cleanup !== 'delete',
    };
  }

  async #step(step: WorkStep): Promise<void> {
    const { log } = this.partition;
    const before = this.records;
    if (step.do === 'truncate' || step.do === 'reset') {
      this.#producerEpoch++;
      this.#sequence = 0;
    }
    switch (step.do) {
      case 'append': {
        const { bytes, records } = this.#batch(step);
        this.#expectNow(before, [...before, ...records]);
        log.append(bytes, { origin: 'client', leaderEpoch: this.#epoch });
        this.records = [...before, ...records];
        break;
      }
      case 'sync':
        await log.sync();
        break;
      case 'checkpoint':
        await this.partition.checkpoint();
        break;
      case 'truncate': {
        const cut = before.find((record) => record.offset === step.to)?.batch ?? step.to;
        const must = this.#synced().filter((record) => record.offset < cut);
        const written = before.filter((record) => record.offset < cut);
        this.#expect({ must, written, may: before, startOffsets: [this.startOffset], canBeEmptyAt: [] });
        await log.truncateTo(step.to);
        this.records = written;
        break;
      }
      case 'reset':
        this.#expect({
          must: [],
          written: [],
          may: before,
          startOffsets: [this.startOffset, step.to],
          canBeEmptyAt: [this.startOffset, step.to],
        });
        await log.resetTo(step.to);
        this.records = [];
        this.startOffset = step.to;
        break;
      case 'delete':
        this.#expectStart(step.to);
        await log.advanceStartOffset(step.to);
        this.startOffset = step.to;
        break;
      case 'retain': {
        this.#expectStart(log.syncedEndOffset);
        log.setConfig({ ...log.config, retentionBytes: step.bytes });
        await log.applyRetention(log.syncedEndOffset);
        log.setConfig({ ...log.config, retentionBytes: -1 });
        this.startOffset = log.startOffset;
        break;
      }
      case 'compact':
        await this.#compact();
    }
    this.#expectNow(this.records);
  }

  /** Of what compaction takes, anything may still be there; what it leaves must be. */
  async #compact(): Promise<void> {
    const { log } = this.partition;
    const before = this.records;
    // Not known before it is done: those that stay are newest of their key, and that cannot be said here.
    const from = this.disk.operations.length;
    await log.compact(log.syncedEndOffset);
    const left = new Set((await this.partition.readAll()).map((record) => record.offset));
    this.records = before.filter((record) => left.has(record.offset));
    const must = this.records.filter((record) => record.offset < log.syncedEndOffset);
    const startOffsets = [this.startOffset];
    this.expectations.push({ from, must, written: this.records, may: before, startOffsets, canBeEmptyAt: [] });
  }

  #batch(step: Extract<WorkStep, { do: 'append' }>): { readonly bytes: Uint8Array; readonly records: WorkRecord[] } {
    if (step.bump === true) this.#epoch++;
    this.clock.advance(7);
    const { endOffset } = this.partition.log;
    const records: WorkRecord[] = [];
    for (let index = 0; index < step.count; index++) {
      const value = `value ${this.#values++}`;
      const timestampMs = this.clock.wallMs() + (index % 3);
      records.push({ offset: endOffset + index, value, timestampMs, leaderEpoch: this.#epoch, batch: endOffset });
    }
    const batch: TestBatch = {
      values: records.map((record) => record.value),
      timestampsMs: records.map((record) => record.timestampMs),
      ...(step.keys === undefined ? {} : { keys: records.map((_, index) => `key ${index % (step.keys ?? 1)}`) }),
      ...(step.idempotent === true
        ? { producer: { id: producerId, epoch: this.#producerEpoch, sequence: this.#sequence } }
        : {}),
    };
    if (step.idempotent === true) this.#sequence += step.count;
    return { bytes: batchOf(batch), records };
  }

  #synced(): WorkRecord[] {
    const { syncedEndOffset } = this.partition.log;
    return this.records.filter((record) => record.offset < syncedEndOffset);
  }

  #expectNow(written: readonly WorkRecord[], may = written): void {
    const must = this.#synced();
    const startOffsets = [this.startOffset];
    const canBeEmptyAt = must.length === 0 ? [this.startOffset, this.partition.log.syncedEndOffset] : [];
    this.#expect({ must, written, may, startOffsets, canBeEmptyAt });
  }

  /** The start offset is moving to somewhere up to `to`; what it waits for to be synced may be acknowledged by then. */
  #expectStart(to: number): void {
    const startOffsets = [this.startOffset];
    for (let offset = this.startOffset + 1; offset <= to; offset++) startOffsets.push(offset);
    this.#expect({ must: this.#synced(), written: this.records, may: this.records, startOffsets, canBeEmptyAt: [] });
  }

  #expect(expectation: Omit<Expectation, 'from'>): void {
    this.expectations.push({ from: this.disk.operations.length, ...expectation });
  }
}
