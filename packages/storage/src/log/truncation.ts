import { scanBatches, stop } from '../segment/scan-batches.js';
import type { Segment } from '../segment/segment.js';
import { corruptLog } from '../storage-errors.js';

export interface Cut {
  /** Where the first batch that goes begins, in the log file. */
  readonly position: number;
  /** Its base offset: where the log ends afterwards. */
  readonly offset: number;
}

/** Where to cut a segment so that no record from `offset` on is left: batches go whole. */
export async function findCut(segment: Segment, offset: number): Promise<Cut> {
  const from = (await segment.placeOf(offset))?.position ?? 0;
  let cut = { position: segment.sizeBytes, offset: Math.min(offset, segment.nextOffset) };
  const end = await scanBatches(
    segment.log,
    { from, to: segment.sizeBytes },
    { verifyCrc: true },
    (batch, position) => {
      if (batch.nextOffset <= offset) return undefined;
      cut = { position, offset: batch.baseOffset };
      return stop;
    },
  );
  if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
  return cut;
}

/** Takes the batches from the cut on out of a segment, which is the last one now, and out of its indexes. */
export async function cutSegment(segment: Segment, cut: Cut): Promise<void> {
  const place = segment.rewindTo(cut.offset);
  const range = { from: place.position, to: cut.position };
  const end = await scanBatches(segment.log, range, { verifyCrc: true }, (batch) => {
    segment.note(batch);
    return undefined;
  });
  if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
  segment.cutFile();
}
