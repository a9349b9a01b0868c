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

interface FoundBatch {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
}

const pieceBytes = 64 * 1024;

export interface EpochCheck {
  /** Entries from here on are going to be replaced. */
  readonly endOffset: number;
  /** The last record that is not going to be looked at otherwise; -1 when there is none. */
  readonly lastOffset: number;
}

/**
 * Whether each entry below `endOffset` begins exactly where the batches change their epoch: at its start offset begins
 * a batch of its epoch, and the batch before that is of the epoch before; and whether none is missing at the end.
 */
export async function agreesWithLog(
  history: LeaderEpochHistory,
  segments: readonly Segment[],
  { endOffset, lastOffset }: EpochCheck,
): Promise<boolean> {
  const firstOffset = segments[0]?.baseOffset ?? 0;
  for (const offset of [firstOffset, lastOffset]) {
    const batch = offset >= firstOffset && offset < endOffset ? await findBatch(segments, offset) : undefined;
    if (batch !== undefined && history.epochAt(batch.baseOffset) !== batch.leaderEpoch) return false;
  }
  let epochBefore = -1;
  for (const { epoch, startOffset } of history.entries) {
    if (startOffset >= endOffset) break;
    if (startOffset > firstOffset) {
      const first = await findBatch(segments, startOffset);
      const before = await findBatch(segments, startOffset - 1);
      if (first?.baseOffset !== startOffset || first.leaderEpoch !== epoch) return false;
      if (before?.leaderEpoch !== epochBefore) return false;
    }
    epochBefore = epoch;
  }
  return true;
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
  await scanBatches(segment.log, range, { verifyCrc: true, pieceBytes }, (batch) => {
    if (batch.lastOffset < offset) return undefined;
    found = { baseOffset: batch.baseOffset, leaderEpoch: batch.leaderEpoch };
    return stop;
  });
  return found;
}
