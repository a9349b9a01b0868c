/**
 * The files of a segment are named by the offset of its first record, with 20 digits, so that sorting by name sorts
 * by offset:
 *
 *     00000000000000000000.log         record batches, back to back
 *     00000000000000000000.index       offset index     \
 *     00000000000000000000.timeindex   time index        > derived from the log
 */
export const logSuffix = '.log';
export const offsetIndexSuffix = '.index';
export const timeIndexSuffix = '.timeindex';

const namePattern = /^(\d{20})(\.log|\.index|\.timeindex)$/;

export interface SegmentName {
  readonly baseOffset: number;
  readonly suffix: string;
}

export function segmentName(baseOffset: number, suffix: string): string {
  return String(baseOffset).padStart(20, '0') + suffix;
}

/** Undefined when it is not the name of a segment's file. */
export function parseSegmentName(name: string): SegmentName | undefined {
  const match = namePattern.exec(name);
  if (match === null) return undefined;
  const baseOffset = Number(match[1]);
  return Number.isSafeInteger(baseOffset) ? { baseOffset, suffix: match[2] ?? '' } : undefined;
}
