/**
 * The mark that ends a transaction in a partition: a control batch of one record, laid out as in Kafka.
 *
 *     key     i16 version (0)   i16 type: 0 abort, 1 commit
 *     value   i16 version (0)   i32 epoch of the coordinator that decided
 *
 * The batch names the producer, and the epoch from which on it may write again: higher than that of the transaction
 * (KIP-890), so that nothing of the transaction that is still on its way can land after its end.
 */
import type { BatchView } from './batch-view.js';
import { encodeBatch } from './encode-batch.js';
import { RecordCursor } from './record-cursor.js';

export interface TransactionMarker {
  readonly kind: 'commit' | 'abort';
  readonly coordinatorEpoch: number;
}

export interface TransactionMarkerBatch extends TransactionMarker {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly timestampMs: number;
}

const abortType = 0;
const commitType = 1;
const keyBytes = 4;
const valueBytes = 6;
/** A marker is never compressed, and far smaller. */
const maxDecompressedBytes = 1024;

export function encodeTransactionMarker(marker: TransactionMarkerBatch): Uint8Array {
  const { kind, coordinatorEpoch, producerId, producerEpoch, timestampMs } = marker;
  const key = Buffer.alloc(keyBytes);
  key.writeInt16BE(kind === 'commit' ? commitType : abortType, 2);
  const value = Buffer.alloc(valueBytes);
  value.writeInt32BE(coordinatorEpoch, 2);
  return encodeBatch([{ key, value, timestampMs }], {
    producerId,
    producerEpoch,
    isTransactional: true,
    isControl: true,
  });
}

/** Undefined when the batch is no end of a transaction: other control records may come with later versions. */
export function readTransactionMarker(batch: BatchView): TransactionMarker | undefined {
  if (!batch.isControl || batch.producerId < 0) return undefined;
  const cursor = RecordCursor.over(batch, { maxDecompressedBytes });
  const isThere = cursor.next();
  const key = isThere ? cursor.key : null;
  const value = isThere ? cursor.value : null;
  if (key?.length !== keyBytes || value?.length !== valueBytes) return undefined;
  const type = viewOf(key).getInt16(2);
  if (type !== abortType && type !== commitType) return undefined;
  return { kind: type === commitType ? 'commit' : 'abort', coordinatorEpoch: viewOf(value).getInt32(2) };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
