import type { Segment } from '../segment/segment.js';

/** Index of the last segment that begins at or before an offset; 0 when none does. */
export function floorSegment(segments: readonly Pick<Segment, 'baseOffset'>[], offset: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((segments[middle]?.baseOffset ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
