/**
 * Shows what is in a data directory, a partition's directory or one of its files, without opening it as a log: nothing
 * is locked, recovered or written, and damage is reported instead of refused. While a node uses the directory, the end
 * of a log may be seen half written.
 *
 * Checksums are always checked. `verify` also decodes every record, checks that offsets and leader epochs ascend from
 * batch to batch and from segment to segment, compares both indexes with the log, and reads the small files.
 */
import { errorMessage, MillraceError, type File, type FileSystem } from '@millrace/base';
import { compressions, loadCompression, RecordCursor, type BatchView } from '@millrace/record';
import { readSmallFile } from '../atomic-file.js';
import { parsePartitionDirectoryName } from '../directory/partition-name.js';
import { partitionMetadataName, readPartitionMetadata } from '../directory/partition-metadata.js';
import { leaderEpochCheckpointName, readLeaderEpochCheckpoint } from '../epoch/leader-epoch-checkpoint.js';
import { decodeProducerSnapshot } from '../producer-state/producer-snapshot.js';
import { offsetIndexLayout } from '../segment/offset-index.js';
import {
  logSuffix,
  offsetIndexSuffix,
  parseSegmentName,
  segmentName,
  timeIndexSuffix,
  type SegmentName,
} from '../segment/segment-name.js';
import { timeIndexLayout } from '../segment/time-index.js';
import { batchesOf } from './batches-of.js';
import type { BatchLine, DumpLine, DumpProblem } from './dump-line.js';
import { IndexWalk } from './index-walk.js';

export interface DumpOptions {
  /** A data directory, a partition's directory, or a file of one. */
  readonly path: string;
  /** Whether to show each batch, and the entries when `path` is an index. */
  readonly batches?: boolean;
  readonly records?: boolean;
  readonly verify?: boolean;
}

const problemsKept = 100;
const maxDecompressedBytes = 256 * 1024 * 1024;
const maxSmallFileBytes = 256 * 1024 * 1024;

/** Ends with one summary line. Throws only when there is nothing at the path. */
export async function* dumpLog(files: FileSystem, options: DumpOptions): AsyncGenerator<DumpLine, void, undefined> {
  for (const compression of compressions) await loadCompression(compression);
  const dump = new Dump(files, options);
  yield* dump.path(options.path);
  yield dump.summary();
}

class Dump {
  readonly #files: FileSystem;
  readonly #options: DumpOptions;
  readonly #problems: DumpProblem[] = [];
  #problemCount = 0;
  #fileCount = 0;
  #batches = 0;
  #records = 0;
  #bytes = 0;

  constructor(files: FileSystem, options: DumpOptions) {
    this.#files = files;
    this.#options = options;
  }

  summary(): DumpLine {
    return {
      kind: 'summary',
      files: this.#fileCount,
      batches: this.#batches,
      records: this.#records,
      bytes: this.#bytes,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }

  async *path(path: string): AsyncGenerator<DumpLine, void, undefined> {
    const stat = this.#files.stat(path);
    if (stat === undefined) {
      throw new MillraceError(
        'INVALID_REQUEST',
        `there is nothing at ${path}: give a data directory, a partition's directory or one of its files`,
      );
    }
    if (!stat.isDirectory) yield* this.#file(path);
    else if (this.#files.list(path).some((name) => parseSegmentName(name) !== undefined)) yield* this.#partition(path);
    else {
      for (const name of this.#files.list(path)) {
        const isPartition = parsePartitionDirectoryName(name) !== undefined;
        if (isPartition && this.#files.stat(`${path}/${name}`)?.isDirectory === true) {
          yield* this.#partition(`${path}/${name}`);
        }
      }
    }
  }

  async *#partition(directory: string): AsyncGenerator<DumpLine, void, undefined> {
    const names = this.#files.list(directory);
    const chain: Chain = { nextOffset: 0, leaderEpoch: -1 };
    for (const name of names) {
      const segment = parseSegmentName(name);
      if (segment?.suffix === logSuffix) yield* this.#segment(directory, segment, chain);
    }
    if (this.#options.verify !== true) return;
    for (const name of names) yield* this.#smallFile(directory, name);
    if (!names.includes(partitionMetadataName)) {
      yield this.#problem(`${directory}/${partitionMetadataName}`, 0, 'is missing: it says which topic this is');
    }
  }

  async *#file(path: string): AsyncGenerator<DumpLine, void, undefined> {
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '.' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    const segment = parseSegmentName(name);
    const start: Chain = { nextOffset: 0, leaderEpoch: -1 };
    if (segment?.suffix === logSuffix) yield* this.#segment(directory, segment, start);
    else if (segment?.suffix === offsetIndexSuffix || segment?.suffix === timeIndexSuffix) {
      if (this.#options.batches === true) yield* this.#entries(path, segment);
      const log = { baseOffset: segment.baseOffset, suffix: logSuffix };
      if (this.#options.verify === true) yield* this.#segment(directory, log, start);
    } else if (name.endsWith('.snapshot') || name === leaderEpochCheckpointName || name === partitionMetadataName) {
      yield* this.#smallFile(directory, name);
    } else {
      throw new MillraceError(
        'INVALID_REQUEST',
        `${path} is not a file that a partition has: give a .log, .index, .timeindex or .snapshot`,
      );
    }
  }

  async *#segment(directory: string, segment: SegmentName, chain: Chain): AsyncGenerator<DumpLine, void, undefined> {
    const path = `${directory}/${segmentName(segment.baseOffset, logSuffix)}`;
    const walks = this.#options.verify === true ? this.#indexWalks(directory, segment.baseOffset) : [];
    const file = this.#open(path);
    if (file === undefined) {
      yield this.#problem(path, 0, 'cannot be opened');
      return;
    }
    this.#fileCount++;
    chain.nextOffset = Math.max(chain.nextOffset, segment.baseOffset);
    try {
      for await (const found of batchesOf(file)) {
        if ('problem' in found) yield this.#problem(path, found.position, found.problem);
        else {
          yield* this.#batch(path, found.view, found.position, chain);
          for (const { walk } of walks) walk.pass(found.view, found.position);
        }
      }
    } catch (error) {
      yield this.#problem(path, 0, `cannot be read: ${errorMessage(error)}`);
    } finally {
      file.close();
    }
    for (const { path: indexPath, walk } of walks) {
      for (const { position, problem } of walk.problems()) yield this.#problem(indexPath, position, problem);
    }
  }

  *#batch(path: string, batch: BatchView, position: number, chain: Chain): Generator<DumpLine, void, undefined> {
    const isCrcValid = batch.isCrcValid();
    this.#batches++;
    this.#records += Math.max(0, batch.recordCount);
    this.#bytes += batch.sizeBytes;
    if (!isCrcValid) yield this.#problem(path, position, 'a batch whose checksum does not match');
    if (this.#options.verify === true) {
      const problem = breaks(chain, batch);
      if (problem !== undefined) yield this.#problem(path, position, problem);
      chain.nextOffset = batch.nextOffset;
      chain.leaderEpoch = batch.leaderEpoch;
    }
    if (!isCrcValid) return;
    try {
      if (this.#options.batches === true) yield batchLine(path, batch, position);
      if (this.#options.records !== true && this.#options.verify !== true) return;
      const cursor = RecordCursor.over(batch, { maxDecompressedBytes });
      while (cursor.next()) {
        if (this.#options.records !== true) continue;
        yield { kind: 'record', file: path, isControl: batch.isControl, record: cursor.copy() };
      }
    } catch (error) {
      yield this.#problem(path, position, `a batch whose records cannot be read: ${errorMessage(error)}`);
    }
  }

  #indexWalks(directory: string, baseOffset: number): { readonly path: string; readonly walk: IndexWalk }[] {
    const offsets = `${directory}/${segmentName(baseOffset, offsetIndexSuffix)}`;
    const times = `${directory}/${segmentName(baseOffset, timeIndexSuffix)}`;
    const offsetBytes = readSmallFile(this.#files, offsets, maxSmallFileBytes);
    const timeBytes = readSmallFile(this.#files, times, maxSmallFileBytes);
    const walks = [];
    if (offsetBytes !== undefined) {
      const walk = new IndexWalk({
        layout: offsetIndexLayout,
        bytes: offsetBytes,
        compare: ({ key, value }, batch, position) => {
          if (value > position) return 'later';
          return value === position && baseOffset + key === batch.lastOffset ? 'this' : 'earlier';
        },
      });
      walks.push({ path: offsets, walk });
    }
    if (timeBytes !== undefined) {
      const walk = new IndexWalk({
        layout: timeIndexLayout,
        bytes: timeBytes,
        compare: ({ key, value }, batch) => {
          const offset = baseOffset + value;
          if (offset > batch.lastOffset) return 'later';
          return offset === batch.lastOffset && key === batch.maxTimestamp ? 'this' : 'earlier';
        },
      });
      walks.push({ path: times, walk });
    }
    return walks;
  }

  *#entries(path: string, segment: SegmentName): Generator<DumpLine, void, undefined> {
    const bytes = readSmallFile(this.#files, path, maxSmallFileBytes) ?? Buffer.alloc(0);
    const isOffsetIndex = segment.suffix === offsetIndexSuffix;
    const layout = isOffsetIndex ? offsetIndexLayout : timeIndexLayout;
    for (let at = 0; at + layout.entryBytes <= bytes.length; at += layout.entryBytes) {
      const key = layout.readKey(bytes, at);
      const value = layout.readValue(bytes, at);
      if (isOffsetIndex) yield { kind: 'offset-entry', file: path, offset: segment.baseOffset + key, position: value };
      else yield { kind: 'time-entry', file: path, timestampMs: key, offset: segment.baseOffset + value };
    }
  }

  *#smallFile(directory: string, name: string): Generator<DumpLine, void, undefined> {
    const path = `${directory}/${name}`;
    if (name.endsWith('.snapshot')) {
      const bytes = readSmallFile(this.#files, path, maxSmallFileBytes);
      const isGood = bytes !== undefined && decodeProducerSnapshot(bytes)?.offset === Number.parseInt(name, 10);
      if (!isGood) yield this.#problem(path, 0, 'is no producer snapshot of this offset: it is replayed from the log');
    } else if (name === leaderEpochCheckpointName) {
      const isGood = readLeaderEpochCheckpoint(this.#files, directory) !== undefined;
      if (!isGood) yield this.#problem(path, 0, 'is no leader epoch checkpoint: it is made anew from the log');
    } else if (name === partitionMetadataName) {
      const isGood = readPartitionMetadata(this.#files, directory) !== undefined;
      if (!isGood) yield this.#problem(path, 0, 'does not say which topic this is');
    }
  }

  #open(path: string): File | undefined {
    return this.#files.stat(path) === undefined ? undefined : this.#files.open(path, 'read');
  }

  #problem(file: string, position: number, problem: string): DumpLine {
    this.#problemCount++;
    if (this.#problems.length < problemsKept) this.#problems.push({ file, position, problem });
    return { kind: 'problem', file, position, problem };
  }
}

/** What the next batch must not be below. */
interface Chain {
  nextOffset: number;
  leaderEpoch: number;
}

function breaks(chain: Chain, batch: BatchView): string | undefined {
  const { baseOffset, leaderEpoch } = batch;
  if (baseOffset < chain.nextOffset) return `a batch at offset ${baseOffset} where ${chain.nextOffset} is next`;
  if (leaderEpoch < chain.leaderEpoch)
    return `a batch of leader epoch ${leaderEpoch} after one of ${chain.leaderEpoch}`;
  return undefined;
}

function batchLine(file: string, batch: BatchView, position: number): BatchLine {
  return {
    kind: 'batch',
    file,
    position,
    sizeBytes: batch.sizeBytes,
    baseOffset: batch.baseOffset,
    lastOffset: batch.lastOffset,
    recordCount: batch.recordCount,
    leaderEpoch: batch.leaderEpoch,
    compression: batch.compression,
    timestampType: batch.timestampType,
    baseTimestamp: batch.baseTimestamp,
    maxTimestamp: batch.maxTimestamp,
    producerId: batch.producerId,
    producerEpoch: batch.producerEpoch,
    baseSequence: batch.baseSequence,
    lastSequence: batch.lastSequence,
    isTransactional: batch.isTransactional,
    isControl: batch.isControl,
    crc: batch.crc,
  };
}
