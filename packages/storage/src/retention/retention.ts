/**
 * Which segments of a log may go. Only whole segments go, the oldest first, so that what is left is one piece.
 *
 * A segment goes when any of these holds, and all segments before it go too:
 *   - all of it lies before the log's start offset (records were deleted);
 *   - its newest record is older than `retentionMs`;
 *   - the log without it still has at least `retentionBytes`.
 *
 * Nothing at or above the high watermark goes: it is not committed, and a follower may need it. The active segment is
 * never taken away; when it is the next to go by age, the answer asks for it to be closed, and it goes the next time.
 *
 * Record timestamps are what producers say. One from the future would keep its segment for as long as it says, so a
 * segment counts as no younger than the moment it was last appended to, where this process saw that. Records without
 * timestamps (-1) count by that moment alone; where it is not known either, they stay. A segment that compaction left
 * empty has no age to wait for.
 */
import type { LogConfig } from '../log-config.js';
import { isDeleted } from '../log-config.js';

export interface RetainedSegment {
  readonly sizeBytes: number;
  /** The offset after its last record. */
  readonly nextOffset: number;
  /** -1 when its records have none, or there are none. */
  readonly largestTimestampMs: number;
  /** The broker's clock at the last append; undefined when that was before this process. */
  readonly lastAppendMs: number | undefined;
}

export interface RetentionState {
  /** All of the log, ascending; the last is the active one. */
  readonly segments: readonly RetainedSegment[];
  readonly startOffset: number;
  readonly highWatermark: number;
  readonly nowMs: number;
}

export interface RetentionDecision {
  /** How many of the oldest segments go. */
  readonly removeCount: number;
  /** Whether the active segment, which is next, is to be closed. */
  readonly rollActive: boolean;
}

type RetentionConfig = Pick<LogConfig, 'cleanup' | 'retentionMs' | 'retentionBytes'>;

export function decideRetention(state: RetentionState, config: RetentionConfig): RetentionDecision {
  const { segments, highWatermark, startOffset, nowMs } = state;
  let leftBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  let removeCount = 0;
  for (const segment of segments) {
    if (segment.nextOffset > highWatermark) break;
    const isBeforeStart = segment.nextOffset <= startOffset;
    const isOld = isDeleted(config) && isOlderThan(segment, nowMs, config.retentionMs);
    const isTooMuch =
      isDeleted(config) && config.retentionBytes >= 0 && leftBytes - segment.sizeBytes >= config.retentionBytes;
    if (!isBeforeStart && !isOld && !isTooMuch) break;
    if (segment === segments.at(-1)) return { removeCount, rollActive: isOld && segment.sizeBytes > 0 };
    leftBytes -= segment.sizeBytes;
    removeCount++;
  }
  return { removeCount, rollActive: false };
}

function isOlderThan(segment: RetainedSegment, nowMs: number, retentionMs: number): boolean {
  if (retentionMs < 0) return false;
  const { largestTimestampMs, lastAppendMs } = segment;
  if (segment.sizeBytes === 0) return true;
  if (largestTimestampMs < 0 && lastAppendMs === undefined) return false;
  const newestMs = largestTimestampMs < 0 ? Infinity : largestTimestampMs;
  return nowMs - Math.min(newestMs, lastAppendMs ?? Infinity) > retentionMs;
}
