export { type BatchOptions } from './batch-header.js';
export { BatchView, type TimestampType } from './batch-view.js';
export { BatchWriter, type BatchWriterOptions } from './batch-writer.js';
export { bufferView } from './buffer-view.js';
export { compress, compressions, decompress, loadCompression, type Compression } from './compression/compression.js';
export { crc32c } from './crc32c.js';
export { encodeBatch, type EncodeBatchOptions, type PlainRecord } from './encode-batch.js';
export { batchHeaderBytes } from './layout.js';
export { type LogRecord } from './log-record.js';
export { nextBatchSize } from './next-batch-size.js';
export { patchBatch, type BatchPatch } from './patch-batch.js';
export { RecordCursor, type RecordCursorOptions } from './record-cursor.js';
export { readHeaders } from './read-headers.js';
export { type ReadHeaders, type RecordHeaders } from './record-headers.js';
export { recordsOf } from './records-of.js';
export {
  encodeTransactionMarker,
  readTransactionMarker,
  type TransactionMarker,
  type TransactionMarkerBatch,
} from './transaction-marker.js';
export { validateBatch, type BatchLimits } from './validate-batch.js';
export { VarintReader, varintBytes, varlongBytes, writeVarint, writeVarlong } from './varint.js';
