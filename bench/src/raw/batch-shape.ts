/** How many records a producer's batch holds, and how many bytes it has: encoded once with the producer's own writer. */
import { BatchWriter } from '@millrace/record';

/** What the producer does by default, so that the raw pipeline does the same. */
const maxBatchBytes = 512 * 1024;
export const batchesInFlight = 5;

export interface BatchShape {
  readonly batchBytes: number;
  readonly batchRecords: number;
}

export function batchShape(recordBytes: number): BatchShape {
  const writer = new BatchWriter({ maxBytes: maxBatchBytes });
  const value = new Uint8Array(recordBytes);
  const nowMs = Date.now();
  while (writer.append(null, value, undefined, nowMs));
  return { batchBytes: writer.sizeBytes, batchRecords: writer.recordCount };
}
