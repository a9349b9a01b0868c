import { corruptMessage } from './corrupt-message.js';
import { batchHeaderBytes, batchLengthOverheadBytes, batchLengthPosition } from './layout.js';

/**
 * The size of the batch that starts at `position`, or undefined when `end` comes before its end. Throws
 * `CORRUPT_MESSAGE` when the length field is below that of an empty batch: nothing after it can be found.
 */
export function nextBatchSize(bytes: Uint8Array, position: number, end: number): number | undefined {
  if (end - position < batchLengthOverheadBytes) return undefined;
  const at = position + batchLengthPosition;
  const length = (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const size = length + batchLengthOverheadBytes;
  if (size < batchHeaderBytes) throw corruptMessage(`its length field says ${length}`);
  return size <= end - position ? size : undefined;
}
