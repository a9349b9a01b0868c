/** What must be true of a partition's files, found out from the files alone. */
import type { FileSystem } from '@millrace/base';
import { BatchView } from '@millrace/record';
import { expect } from 'vitest';
import { parseSegmentName, segmentName } from '../../src/segment/segment-name.js';

export interface FileBatch {
  readonly position: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly leaderEpoch: number;
  readonly maxTimestamp: number;
}

export function contentOf(files: FileSystem, path: string): Buffer {
  const bytes = Buffer.alloc(files.stat(path)?.sizeBytes ?? 0);
  const file = files.open(path, 'read');
  file.readSync(bytes, 0, bytes.length, 0);
  file.close();
  return bytes;
}

export function segmentBases(files: FileSystem, directory: string): number[] {
  return files.list(directory).flatMap((name) => {
    const segment = parseSegmentName(name);
    return segment?.suffix === '.log' ? [segment.baseOffset] : [];
  });
}

export function batchesOf(files: FileSystem, directory: string, baseOffset: number): FileBatch[] {
  const bytes = contentOf(files, `${directory}/${segmentName(baseOffset, '.log')}`);
  const batches: FileBatch[] = [];
  const view = new BatchView();
  for (let position = 0; position < bytes.length; position += view.sizeBytes) {
    view.at(bytes, position);
    expect(view.isCrcValid(), `the batch at byte ${position} of segment ${baseOffset}`).toBe(true);
    const { lastOffset, leaderEpoch, maxTimestamp } = view;
    batches.push({ position, baseOffset: view.baseOffset, lastOffset, leaderEpoch, maxTimestamp });
  }
  return batches;
}

/** A1, A2: offsets go on from batch to batch and from segment to segment, epochs never fall. */
export function checkChain(files: FileSystem, directory: string, allowsGaps: boolean): FileBatch[] {
  const all: FileBatch[] = [];
  for (const base of segmentBases(files, directory)) {
    const before = all.at(-1);
    if (before !== undefined && !allowsGaps)
      expect(base, 'a segment begins where the one before it ends').toBe(before.lastOffset + 1);
    all.push(...batchesOf(files, directory, base));
  }
  for (let index = 1; index < all.length; index++) {
    const [before, batch] = [all[index - 1], all[index]];
    if (before === undefined || batch === undefined) continue;
    if (allowsGaps) expect(batch.baseOffset).toBeGreaterThan(before.lastOffset);
    else expect(batch.baseOffset).toBe(before.lastOffset + 1);
    expect(batch.leaderEpoch).toBeGreaterThanOrEqual(before.leaderEpoch);
  }
  return all;
}

/** A2: the epochs of these batches. */
export function epochsOf(batches: readonly FileBatch[]): { readonly epoch: number; readonly startOffset: number }[] {
  const entries: { epoch: number; startOffset: number }[] = [];
  for (const { leaderEpoch, baseOffset } of batches) {
    if (entries.at(-1)?.epoch !== leaderEpoch) entries.push({ epoch: leaderEpoch, startOffset: baseOffset });
  }
  return entries;
}

/** G3: the index files of a log that was closed say what the batches say. */
export function checkIndexes(files: FileSystem, directory: string, indexIntervalBytes: number): void {
  const bases = segmentBases(files, directory);
  for (const base of bases) {
    const offsets: number[][] = [];
    const times: number[][] = [];
    let indexed = 0;
    let largest = { timestampMs: -1, offset: -1 };
    const noteTime = (): void => {
      if (largest.timestampMs > (times.at(-1)?.[0] ?? -1)) times.push([largest.timestampMs, largest.offset - base]);
    };
    for (const { position, lastOffset, maxTimestamp } of batchesOf(files, directory, base)) {
      if (maxTimestamp > largest.timestampMs) largest = { timestampMs: maxTimestamp, offset: lastOffset };
      if (position - indexed <= indexIntervalBytes) continue;
      offsets.push([lastOffset - base, position]);
      noteTime();
      indexed = position;
    }
    if (base !== bases.at(-1)) noteTime();
    const index = contentOf(files, `${directory}/${segmentName(base, '.index')}`);
    const timeIndex = contentOf(files, `${directory}/${segmentName(base, '.timeindex')}`);
    expect(entriesOf(index, 8, (at) => [index.readUInt32BE(at), index.readUInt32BE(at + 4)])).toEqual(offsets);
    expect(
      entriesOf(timeIndex, 12, (at) => [Number(timeIndex.readBigInt64BE(at)), timeIndex.readUInt32BE(at + 8)]),
    ).toEqual(times);
  }
}

function entriesOf(bytes: Buffer, entryBytes: number, read: (at: number) => number[]): number[][] {
  expect(bytes.length % entryBytes).toBe(0);
  return Array.from({ length: bytes.length / entryBytes }, (_, index) => read(index * entryBytes));
}
