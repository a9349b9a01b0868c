/**
 * One partition of a data directory on a simulated disk: opened, used, stopped in every way there is, and opened again.
 */
import { noMetrics } from '@millrace/base';
import { BatchView, encodeBatch, recordsOf, type Compression } from '@millrace/record';
import { ManualClock, recordingLogger, type RecordingLogger, type SimulatedDisk } from '@millrace/testkit';
import { DirectoryCheckpoints } from '../../src/directory/directory-checkpoints.js';
import { FilePool } from '../../src/file-pool.js';
import { defaultLogConfig, type LogConfig } from '../../src/log-config.js';
import { createLogMemory, type LogMemory } from '../../src/log/log-memory.js';
import { PartitionLog } from '../../src/log/partition-log.js';
import { ReadBuffers } from '../../src/log/read-buffers.js';
import { TailCacheBudget } from '../../src/log/tail-cache.js';

export const dataDirectory = '/data';
export const directory = '/data/orders-0';
const name = { topic: 'orders', partition: 0 };

export interface TestPartitionOptions {
  readonly config?: Partial<LogConfig>;
  readonly clock?: ManualClock;
  /** How the process before this one stopped. */
  readonly clean?: boolean;
  readonly maxIndexBytes?: number;
  /** Without it, reads go to the files. */
  readonly cached?: boolean;
  readonly admit?: (bytes: number) => void;
}

/** Segments of a few batches, index entries every other batch. */
export const tinyConfig: LogConfig = {
  ...defaultLogConfig,
  segmentBytes: 700,
  indexIntervalBytes: 100,
  retentionMs: -1,
};

export class TestPartition {
  readonly disk: SimulatedDisk;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  readonly checkpoints: DirectoryCheckpoints;
  readonly log: PartitionLog;
  readonly #hosted;

  private constructor(fields: Pick<TestPartition, 'disk' | 'clock' | 'logger' | 'checkpoints' | 'log'>) {
    this.disk = fields.disk;
    this.clock = fields.clock;
    this.logger = fields.logger;
    this.checkpoints = fields.checkpoints;
    this.log = fields.log;
    this.#hosted = { ...name, topicId: 'AAAAAAAAAAAAAAAAAAAAAA', log: fields.log };
  }

  static async open(disk: SimulatedDisk, options: TestPartitionOptions = {}): Promise<TestPartition> {
    const files = disk.files();
    const clock = options.clock ?? new ManualClock();
    const logger = recordingLogger();
    if (files.stat(dataDirectory) === undefined) files.makeDirectory(dataDirectory);
    await files.syncDirectory('/');
    if (files.stat(directory) === undefined) files.makeDirectory(directory);
    await files.syncDirectory(dataDirectory);
    const checkpoints = new DirectoryCheckpoints(files, dataDirectory, logger);
    const log = await PartitionLog.open(
      { files, clock, logger, metrics: noMetrics },
      {
        directory,
        topicId: 'AAAAAAAAAAAAAAAAAAAAAA',
        partition: 0,
        config: { ...tinyConfig, ...options.config },
        filePool: new FilePool(files, { maxOpenFiles: 4 }),
        checkpoints: checkpoints.forLog(name),
        recoveryPoint: checkpoints.recoveryPoint(name),
        startOffset: checkpoints.startOffset(name),
        cleanShutdown: options.clean ?? false,
        memory: options.cached === true ? createLogMemory() : uncached(),
        ...(options.maxIndexBytes === undefined ? {} : { maxIndexBytes: options.maxIndexBytes }),
        ...(options.admit === undefined ? {} : { admit: options.admit }),
      },
    );
    return new TestPartition({ disk, clock, logger, checkpoints, log });
  }

  /** What a data directory's housekeeping does for the checkpoints. */
  async checkpoint(): Promise<void> {
    await this.log.advanceRecoveryPoint();
    this.checkpoints.note(this.#hosted, this.log.syncedEndOffset);
    await this.checkpoints.save();
  }

  async close(): Promise<void> {
    await this.log.close();
    this.checkpoints.note(this.#hosted, this.log.syncedEndOffset);
    await this.checkpoints.save();
    this.disk.endProcess();
  }

  /** The process ends as if it was killed, a moment after what it did last; the page cache stays. */
  async kill(): Promise<SimulatedDisk> {
    for (let turn = 0; turn < 100; turn++) await Promise.resolve();
    const after = this.disk.crash('kept');
    this.disk.endProcess();
    return after;
  }

  /** All batches from an offset on, read as a consumer reads. */
  async readAll(from = this.log.startOffset, maxBytes = 300): Promise<ReadRecord[]> {
    const found: ReadRecord[] = [];
    for (let offset = from; offset < this.log.endOffset;) {
      const result = await this.log.read(offset, maxBytes, this.log.endOffset);
      const records = decode(result.bytes);
      result.release?.();
      const last = records.at(-1);
      if (last === undefined) break;
      found.push(...records.filter((record) => record.offset >= offset));
      offset = last.offset + 1;
    }
    return found;
  }
}

function uncached(): LogMemory {
  return { tails: new TailCacheBudget(0), buffers: new ReadBuffers(4 * 1024 * 1024) };
}

export interface ReadRecord {
  readonly offset: number;
  readonly value: string;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

/** The records of whole batches, and the leader epoch of the batch that each is in. */
export function decode(bytes: Uint8Array): ReadRecord[] {
  const found: ReadRecord[] = [];
  const view = new BatchView();
  for (let position = 0; position < bytes.length; position += view.sizeBytes) {
    view.at(bytes, position);
    const batch = bytes.subarray(position, position + view.sizeBytes);
    for (const record of recordsOf(batch, { maxDecompressedBytes: 1_000_000 })) {
      const value = Buffer.from(record.value ?? new Uint8Array(0)).toString();
      found.push({ offset: record.offset, value, timestampMs: record.timestampMs, leaderEpoch: view.leaderEpoch });
    }
  }
  return found;
}

export interface TestBatch {
  readonly values: readonly string[];
  readonly timestampsMs?: readonly number[];
  readonly keys?: readonly string[];
  readonly compression?: Compression;
  readonly producer?: { readonly id: number; readonly epoch: number; readonly sequence: number };
}

export function batchOf(batch: TestBatch): Uint8Array {
  const records = batch.values.map((value, index) => {
    const timestampMs = batch.timestampsMs?.[index];
    const key = batch.keys?.[index] ?? null;
    return timestampMs === undefined ? { key, value } : { key, value, timestampMs };
  });
  const { compression = 'none', producer } = batch;
  if (producer === undefined) return encodeBatch(records, { compression });
  const { id: producerId, epoch: producerEpoch, sequence: baseSequence } = producer;
  return encodeBatch(records, { compression, producerId, producerEpoch, baseSequence });
}

export function appendValues(log: PartitionLog, values: readonly string[], leaderEpoch = 0): number {
  return log.append(batchOf({ values, keys: values }), { origin: 'client', leaderEpoch }).baseOffset;
}
