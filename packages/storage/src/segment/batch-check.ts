import type { BatchView } from '@millrace/record';
import { batchHeaderBytes } from '@millrace/record';

/**
 * No batch is larger: a length field that says more is damaged, and is not believed to the point of reserving memory
 * for it. Far above `message.max.bytes` and the largest frame.
 */
export const maxBatchBytes = 128 * 1024 * 1024;

/** What is wrong with the header of a batch that should lie in a log here; undefined when it may be one. */
export function headerProblem(view: BatchView): string | undefined {
  const size = view.sizeBytes;
  if (size < batchHeaderBytes || size > maxBatchBytes) return `a batch of ${size} bytes`;
  if (view.magic !== 2) return `magic ${view.magic} instead of 2`;
  const { baseOffset, lastOffsetDelta } = view;
  if (baseOffset < 0 || lastOffsetDelta < 0 || !Number.isSafeInteger(baseOffset + lastOffsetDelta)) {
    return `offsets from ${baseOffset}, ${lastOffsetDelta} on`;
  }
  return undefined;
}
