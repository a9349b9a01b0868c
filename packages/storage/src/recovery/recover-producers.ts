/** The state of a log's producers: the newest snapshot that fits the log, and every batch after it. */
import { readTransactionMarker } from '@millrace/record';
import type { LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import type { ProducerSnapshots } from '../producer-state/producer-snapshots.js';
import type { ProducerState } from '../producer-state/producer-state.js';
import { scanBatches } from '../segment/scan-batches.js';
import type { Segment, SegmentContext } from '../segment/segment.js';
import { corruptLog } from '../storage-errors.js';

export interface ProducerRecovery {
  readonly context: SegmentContext;
  readonly producers: ProducerState;
  readonly snapshots: ProducerSnapshots;
  readonly nowMs: number;
}

/** Makes the producer state that of all batches below `endOffset`, the end of the log. */
export async function recoverProducers(
  recovery: ProducerRecovery,
  segments: readonly Segment[],
  epochs: LeaderEpochHistory,
  endOffset: number,
): Promise<void> {
  const { context, snapshots, producers, nowMs } = recovery;
  const before = snapshots.offsets().length;
  const snapshot = snapshots.nearest({ endOffset, epochAt: (offset) => epochs.epochAt(offset) });
  if (snapshots.offsets().length !== before) await context.files.syncDirectory(context.directory);
  const firstOffset = segments[0]?.baseOffset ?? 0;
  if (snapshot === undefined) producers.clear(firstOffset);
  else producers.loadSnapshot(snapshot);
  const from = Math.max(producers.endOffset, firstOffset);
  for (const segment of segments) {
    if (segment.nextOffset <= from) continue;
    const position = (await segment.placeOf(from))?.position ?? 0;
    const range = { from: position, to: segment.sizeBytes };
    const end = await scanBatches(segment.log, range, { verifyCrc: true }, (batch) => {
      if (batch.baseOffset >= from) producers.apply(batch, nowMs, readTransactionMarker(batch));
      return undefined;
    });
    if (end.problem !== undefined) throw corruptLog(segment.log.path, end.position, end.problem);
  }
}
