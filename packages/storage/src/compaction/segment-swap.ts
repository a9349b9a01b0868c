/**
 * Puts a compacted segment in the place of those it was made from, so that after a crash at any point the log holds
 * either all of the old ones or the new one, and never a mixture.
 *
 *     1. <base>.log.cleaned       written and synced, with its indexes
 *     2. <base>.log.swap          renamed, directory synced: from here on the new one counts
 *     3. the old ones removed     directory synced: none of them can come back beside the new one
 *     4. <base>.log               renamed, directory synced
 *
 * Opening a log removes what stopped at 1 and carries on what stopped after 2. Indexes go along with their log; one
 * that is missing is made anew, and one that could be of the old log is removed.
 */
import type { FileSystem } from '@millrace/base';
import { scanBatches } from '../segment/scan-batches.js';
import {
  logSuffix,
  offsetIndexSuffix,
  parseSegmentName,
  segmentName,
  timeIndexSuffix,
} from '../segment/segment-name.js';
import { corruptLog } from '../storage-errors.js';

export const cleanedSuffix = '.cleaned';
export const swapSuffix = '.swap';

const pendingPattern = /^\d{20}\.(?:log|index|timeindex)\.(?:cleaned|swap)$/;
const suffixes = [logSuffix, offsetIndexSuffix, timeIndexSuffix];

export interface SwapPlace {
  readonly files: FileSystem;
  readonly directory: string;
  readonly baseOffset: number;
}

/** Step 2, without the sync of the directory. */
export function cleanedToSwap(place: SwapPlace): void {
  for (const suffix of suffixes) renameIfThere(place, suffix + cleanedSuffix, suffix + swapSuffix);
}

/** Step 4, without the sync of the directory. An index that is there already is of the old log. */
export function swapToFinal(place: SwapPlace): void {
  for (const suffix of suffixes) {
    if (suffix !== logSuffix) removeIfThere(place, suffix);
    renameIfThere(place, suffix + swapSuffix, suffix);
  }
}

/** Gives up before step 2 is durable. */
export function removeUnfinished(place: SwapPlace): void {
  for (const suffix of suffixes) {
    removeIfThere(place, suffix + cleanedSuffix);
    removeIfThere(place, suffix + swapSuffix);
  }
}

/** Before a log is opened: removes what never counted, and finishes what did. Safe to run again at any point. */
export async function recoverSwaps(files: FileSystem, directory: string): Promise<void> {
  const pending = files.list(directory).filter((name) => pendingPattern.test(name));
  if (pending.length === 0) return;
  const bases = new Set<number>();
  for (const name of pending) if (name.endsWith(logSuffix + swapSuffix)) bases.add(Number(name.slice(0, 20)));
  for (const name of pending) {
    const counts = name.endsWith(swapSuffix) && bases.has(Number(name.slice(0, 20)));
    if (!counts) files.removeFile(`${directory}/${name}`);
  }
  for (const baseOffset of bases) await finishSwap({ files, directory, baseOffset });
  await files.syncDirectory(directory);
}

async function finishSwap(place: SwapPlace): Promise<void> {
  const { files, directory, baseOffset } = place;
  const nextOffset = await endOfSwap(place);
  for (const name of files.list(directory)) {
    const segment = parseSegmentName(name);
    if (segment === undefined || segment.baseOffset < baseOffset) continue;
    // Old segments of which nothing was left may lie beyond the new one's end. They stay: all they hold was replaced.
    const isOld = segment.baseOffset === baseOffset || segment.baseOffset < nextOffset;
    if (isOld) files.removeFile(`${directory}/${name}`);
  }
  await files.syncDirectory(directory);
  swapToFinal(place);
}

/** The offset after the last batch of a compacted segment, which was synced before it got this name. */
async function endOfSwap(place: SwapPlace): Promise<number> {
  const { files, directory, baseOffset } = place;
  const path = `${directory}/${segmentName(baseOffset, logSuffix)}${swapSuffix}`;
  const file = files.open(path, 'read');
  try {
    let nextOffset = baseOffset;
    const end = await scanBatches(file, { from: 0, to: file.sizeBytes() }, { verifyCrc: true }, (batch) => {
      if (batch.baseOffset < nextOffset) return `a batch at offset ${batch.baseOffset} where ${nextOffset} is next`;
      nextOffset = batch.nextOffset;
      return undefined;
    });
    if (end.problem !== undefined) throw corruptLog(path, end.position, end.problem);
    return nextOffset;
  } finally {
    file.close();
  }
}

function renameIfThere(place: SwapPlace, fromSuffix: string, toSuffix: string): void {
  const from = pathOf(place, fromSuffix);
  if (place.files.stat(from) !== undefined) place.files.rename(from, pathOf(place, toSuffix));
}

function removeIfThere(place: SwapPlace, suffix: string): void {
  const path = pathOf(place, suffix);
  if (place.files.stat(path) !== undefined) place.files.removeFile(path);
}

function pathOf(place: SwapPlace, suffix: string): string {
  return `${place.directory}/${segmentName(place.baseOffset, suffix)}`;
}
