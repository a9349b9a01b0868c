/** A log as compaction sees it: segments on a simulated disk, and nothing else of a partition. */
import { assert, type FileSystem } from '@millrace/base';
import { BatchView, recordsOf } from '@millrace/record';
import { ManualClock, recordingLogger, type RecordingLogger, type SimulatedDisk } from '@millrace/testkit';
import { LogCompactor, type CompactionHost } from '../../src/compaction/log-compactor.js';
import { recoverSwaps } from '../../src/compaction/segment-swap.js';
import { FilePool } from '../../src/file-pool.js';
import { scanBatches } from '../../src/segment/scan-batches.js';
import { parseSegmentName } from '../../src/segment/segment-name.js';
import { Segment, type SegmentContext } from '../../src/segment/segment.js';

export const directory = '/orders-0';

export interface ReadRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
}

export class TestLog implements CompactionHost {
  readonly files: FileSystem;
  readonly clock = new ManualClock();
  readonly logger: RecordingLogger = recordingLogger();
  readonly segmentContext: SegmentContext;
  segments: Segment[] = [];
  startOffset = 0;
  readonly newestOfProducer = new Map<number, number>();
  failure: unknown;

  constructor(disk: SimulatedDisk) {
    this.files = disk.files();
    const filePool = new FilePool(this.files, { maxOpenFiles: 4 });
    const { files, logger } = this;
    this.segmentContext = {
      files,
      filePool,
      logger,
      directory,
      maxIndexBytes: 1024,
      indexIntervalBytes: () => 100,
    };
  }

  static async create(disk: SimulatedDisk): Promise<TestLog> {
    disk.files().makeDirectory(directory);
    await disk.files().syncDirectory('/');
    const log = new TestLog(disk);
    log.segments.push(Segment.create(log.segmentContext, 0));
    return log;
  }

  /** What opening a log does with the files it finds, as far as compaction is concerned. */
  static async recover(disk: SimulatedDisk): Promise<TestLog> {
    const log = new TestLog(disk);
    await recoverSwaps(log.files, directory);
    const names = log.files.list(directory).map(parseSegmentName);
    const bases = names.flatMap((name) => (name?.suffix === '.log' ? [name.baseOffset] : []));
    for (const [index, baseOffset] of bases.entries()) {
      const segment = Segment.existing(log.segmentContext, baseOffset);
      const nextOffset = bases[index + 1];
      if (nextOffset === undefined) segment.adopt(await log.#endOf(segment));
      else if (!segment.adopt(nextOffset)) await segment.rebuildIndexes();
      log.segments.push(segment);
    }
    return log;
  }

  get active(): Segment {
    const active = this.segments.at(-1);
    assert(active !== undefined, 'a log has an active segment');
    return active;
  }

  get endOffset(): number {
    return this.active.nextOffset;
  }

  append(batch: Uint8Array): void {
    const view = new BatchView(batch);
    assert(view.baseOffset === this.endOffset, `batch ${view.baseOffset} where ${this.endOffset} is next`);
    if (view.producerId >= 0) this.newestOfProducer.set(view.producerId, view.lastOffset);
    this.active.write(batch, (cause) => {
      throw cause;
    });
    this.active.note(view);
  }

  async roll(): Promise<void> {
    const { active } = this;
    active.seal();
    await active.log.sync();
    await active.syncIndexes();
    this.segments.push(Segment.create(this.segmentContext, this.endOffset));
    await this.files.syncDirectory(directory);
  }

  compactor(memoryBytes?: number): LogCompactor {
    const { files, clock, logger } = this;
    return new LogCompactor({ files, clock, logger, directory, ...(memoryBytes === undefined ? {} : { memoryBytes }) });
  }

  lastOffsetOf(producerId: number): number | undefined {
    return this.newestOfProducer.get(producerId);
  }

  replace(old: readonly Segment[], replacement: Segment): void {
    const at = this.segments.indexOf(old[0] as Segment);
    assert(at >= 0 && old.every((segment, index) => this.segments[at + index] === segment), 'the old ones are there');
    this.segments.splice(at, old.length, replacement);
  }

  fail(cause: unknown): void {
    this.failure = cause;
  }

  /** All batches in order, each checked; `visit` sees a view that moves on. */
  async scan(visit: (batch: BatchView) => void): Promise<void> {
    let nextOffset = 0;
    for (const segment of this.segments) {
      const end = await scanBatches(
        segment.log,
        { from: 0, to: segment.log.sizeBytes() },
        { verifyCrc: true },
        (batch) => {
          assert(batch.baseOffset >= nextOffset, `offset ${batch.baseOffset} comes after ${nextOffset}`);
          assert(batch.baseOffset >= segment.baseOffset, `offset ${batch.baseOffset} lies before its segment`);
          nextOffset = batch.nextOffset;
          visit(batch);
          return undefined;
        },
      );
      assert(end.problem === undefined, end.problem ?? '');
    }
  }

  async records(): Promise<ReadRecord[]> {
    const records: ReadRecord[] = [];
    await this.scan((batch) => {
      const bytes = batch.bytes.subarray(batch.position, batch.position + batch.sizeBytes);
      for (const { offset, key, value, timestampMs } of recordsOf(bytes, { maxDecompressedBytes: 1_000_000 })) {
        records.push({ offset, key: textOf(key), value: textOf(value), timestampMs });
      }
    });
    return records;
  }

  async #endOf(segment: Segment): Promise<number> {
    let endOffset = segment.baseOffset;
    await scanBatches(segment.log, { from: 0, to: segment.sizeBytes }, { verifyCrc: true }, (batch) => {
      endOffset = batch.nextOffset;
      return undefined;
    });
    return endOffset;
  }
}

function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('utf8');
}
