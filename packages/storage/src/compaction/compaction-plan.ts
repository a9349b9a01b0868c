/**
 * Which part of a log a compaction is to look at, and which segments it writes together.
 *
 *     start        cleanOffset                 end              (active segment)
 *       |  clean       |         dirty          |
 *     compacted before, holds   not compacted   closed and below the high watermark: the rest is left alone
 *     one record for each key
 */
import type { LogConfig } from '../log-config.js';

export interface CompactionSegment {
  readonly baseOffset: number;
  readonly sizeBytes: number;
  /** The offset after its last record. */
  readonly nextOffset: number;
}

/** What share of the bytes has not been compacted yet; 0 when there are none. */
export function dirtyRatio(segments: readonly CompactionSegment[], cleanOffset: number): number {
  let totalBytes = 0;
  let dirtyBytes = 0;
  for (const segment of segments) {
    totalBytes += segment.sizeBytes;
    if (segment.nextOffset > cleanOffset) dirtyBytes += segment.sizeBytes;
  }
  return totalBytes === 0 ? 0 : dirtyBytes / totalBytes;
}

/** The closed segments that lie wholly below the high watermark; the last of `segments` is the active one. */
export function compactable<Item extends CompactionSegment>(segments: readonly Item[], highWatermark: number): Item[] {
  const closed = segments.slice(0, -1);
  const end = closed.findIndex((segment) => segment.nextOffset > highWatermark);
  return end < 0 ? closed : closed.slice(0, end);
}

const maxRelativeOffset = 2 ** 31 - 1;

/**
 * Neighbours that become one segment, so that a log of which little is left does not stay in as many files. Sizes are
 * those before compaction: the result is never larger than a segment may be.
 */
export function groupSegments<Item extends CompactionSegment>(
  segments: readonly Item[],
  config: Pick<LogConfig, 'segmentBytes'>,
): Item[][] {
  const groups: Item[][] = [];
  let group: Item[] = [];
  let groupBytes = 0;
  for (const segment of segments) {
    const base = group[0]?.baseOffset ?? segment.baseOffset;
    const fits =
      groupBytes + segment.sizeBytes <= config.segmentBytes && segment.nextOffset - base <= maxRelativeOffset;
    if (!fits && group.length > 0) {
      groups.push(group);
      group = [];
      groupBytes = 0;
    }
    group.push(segment);
    groupBytes += segment.sizeBytes;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}
