/**
 * The leader epoch history of a log that is being opened: from its checkpoint when that agrees with the batches,
 * and otherwise from the batches themselves.
 */
import type { BatchView } from '@millrace/record';
import { LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import { scanBatches, stop } from '../segment/scan-batches.js';
import type { Segment } from '../segment/segment.js';
import { floorSegment } from '../log/segment-list.js';
import { corruptLog } from '../storage-errors.js';

export interface FoundBatch {
  readonly path: string;
  readonly position: number;
  readonly baseOffset: number;
  readonly leaderEpoch: number;
}

const pieceBytes = 64 * 1024;

export interface EpochCheck {
  /** Entries from here on are going to be replaced. */
  readonly endOffset: number;
  /** The last record that is not going to be looked at otherwise; -1 when there is none. */
  readonly lastOffset: number;
  /** Compaction may have taken the batch that an epoch began with. */
  readonly allowsGaps: boolean;
}

/**
 * A batch below `endOffset` that contradicts the history. Looks at those on both sides of each change of epoch, and at
 * the first and the last.
 */
export async function findDisagreement(
  history: LeaderEpochHistory,
  segments: readonly Segment[],
  { endOffset, lastOffset, allowsGaps }: EpochCheck,
): Promise<FoundBatch | undefined> {
  const firstOffset = segments[0]?.baseOffset ?? 0;
  const starts = history.entries.map((entry) => entry.startOffset);
  for (const offset of [firstOffset, lastOffset, ...starts, ...starts.map((start) => start - 1)]) {
    if (offset < firstOffset || offset >= endOffset) continue;
    const batch = await findBatch(segments, offset);
    if (batch === undefined) continue;
    if (history.epochAt(batch.baseOffset) !== batch.leaderEpoch) return batch;
    const isStart = offset > firstOffset && starts.includes(offset);
    if (isStart && !allowsGaps && batch.baseOffset !== offset) return batch;
  }
  return undefined;
}

/** The history of the batches in these segments. Throws `CORRUPT_LOG`. */
export async function scanEpochs(segments: readonly Segment[]): Promise<LeaderEpochHistory> {
  const history = new LeaderEpochHistory();
  for (const segment of segments) {
    const range = { from: 0, to: segment.sizeBytes };
    const end = await scanBatches(segment.log, range, { verifyCrc: true }, (batch) => noteEpoch(history, batch));
    if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
  }
  return history;
}

/** Takes the epoch of the next batch, or says why it cannot be that. */
export function noteEpoch(history: LeaderEpochHistory, batch: BatchView): string | undefined {
  const { leaderEpoch, baseOffset } = batch;
  if (leaderEpoch < 0 || leaderEpoch < history.latestEpoch) {
    return `a batch at offset ${baseOffset} with leader epoch ${leaderEpoch} after ${history.latestEpoch}`;
  }
  history.assign(leaderEpoch, baseOffset);
  return undefined;
}

/** The batch that holds an offset, or the first after it; undefined when the files do not show one. */
async function findBatch(segments: readonly Segment[], offset: number): Promise<FoundBatch | undefined> {
  const segment = segments[floorSegment(segments, offset)];
  const place = await segment?.placeOf(offset);
  if (segment === undefined || place === undefined) return undefined;
  let found: FoundBatch | undefined;
  // All of the file: what counts of the segment that is going to be scanned is not known yet.
  const range = { from: place.position, to: segment.log.sizeBytes() };
  await scanBatches(segment.log, range, { verifyCrc: true, pieceBytes }, (batch, position) => {
    if (batch.lastOffset < offset) return undefined;
    const { baseOffset, leaderEpoch } = batch;
    found = { path: segment.log.path, position, baseOffset, leaderEpoch };
    return stop;
  });
  return found;
}
