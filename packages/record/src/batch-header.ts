import { compressionCode, type Compression } from './compression/compression.js';
import { crc32c } from './crc32c.js';
import { writeInt64 } from './int64.js';
import * as layout from './layout.js';
import type { TimestampType } from './batch-view.js';

/** What a producer says about a batch, beside its records. */
export interface BatchOptions {
  readonly compression?: Compression;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  readonly timestampType?: TimestampType;
}

/** What the records say about their batch. */
export interface BatchContents {
  readonly recordCount: number;
  readonly lastOffsetDelta: number;
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
}

/** Fills in the header of a batch whose records already lie behind it, to the end of `batch`, and seals it by its CRC. */
export function writeBatchHeader(batch: Uint8Array, contents: BatchContents, options: BatchOptions): void {
  const data = new DataView(batch.buffer, batch.byteOffset, batch.length);
  writeInt64(data, layout.baseOffsetPosition, 0);
  data.setInt32(layout.batchLengthPosition, batch.length - layout.batchLengthOverheadBytes);
  data.setInt32(layout.leaderEpochPosition, -1);
  data.setInt8(layout.magicPosition, layout.batchMagic);
  data.setUint16(layout.attributesPosition, attributesOf(options));
  data.setInt32(layout.lastOffsetDeltaPosition, contents.lastOffsetDelta);
  writeInt64(data, layout.baseTimestampPosition, contents.baseTimestamp);
  writeInt64(data, layout.maxTimestampPosition, contents.maxTimestamp);
  writeInt64(data, layout.producerIdPosition, options.producerId ?? -1);
  data.setInt16(layout.producerEpochPosition, options.producerEpoch ?? -1);
  data.setInt32(layout.baseSequencePosition, options.baseSequence ?? -1);
  data.setInt32(layout.recordCountPosition, contents.recordCount);
  data.setUint32(layout.crcPosition, crc32c(batch, layout.attributesPosition));
}

function attributesOf(options: BatchOptions): number {
  return (
    compressionCode(options.compression ?? 'none') |
    (options.timestampType === 'LogAppendTime' ? layout.logAppendTimeFlag : 0) |
    (options.isTransactional === true ? layout.transactionalFlag : 0) |
    (options.isControl === true ? layout.controlFlag : 0)
  );
}
