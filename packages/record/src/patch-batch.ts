import { assert } from '@millrace/base';
import { crc32c } from './crc32c.js';
import { writeInt64 } from './int64.js';
import * as layout from './layout.js';

export interface BatchPatch {
  readonly baseOffset: number;
  readonly leaderEpoch: number;
  /** Given by topics whose timestamps are of the append: replaces the timestamp of every record. */
  readonly logAppendTimeMs?: number;
}

/**
 * Sets, in place, what only the leader knows. Offset and epoch lie outside the CRC; the time of append does not, so
 * with it the CRC is made again: call this only on a batch that was checked.
 */
export function patchBatch(bytes: Uint8Array, position: number, patch: BatchPatch): void {
  const data = new DataView(bytes.buffer, bytes.byteOffset + position, bytes.length - position);
  writeInt64(data, layout.baseOffsetPosition, patch.baseOffset);
  data.setInt32(layout.leaderEpochPosition, patch.leaderEpoch);
  if (patch.logAppendTimeMs === undefined) return;

  const size = data.getInt32(layout.batchLengthPosition) + layout.batchLengthOverheadBytes;
  assert(size >= layout.batchHeaderBytes && size <= data.byteLength, 'a batch to be patched lies there whole');
  const attributes = data.getUint16(layout.attributesPosition) | layout.logAppendTimeFlag;
  data.setUint16(layout.attributesPosition, attributes);
  writeInt64(data, layout.maxTimestampPosition, patch.logAppendTimeMs);
  data.setUint32(layout.crcPosition, crc32c(bytes, position + layout.attributesPosition, position + size));
}
