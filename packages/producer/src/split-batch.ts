import { BatchWriter, RecordCursor } from '@millrace/record';
import { ProducerBatch } from './producer-batch.js';

/**
 * Writes the records of a batch into two of half as many each. Undefined when it holds one record, which cannot be
 * divided. What was to happen with the outcome of a record goes with it.
 */
export function splitBatch(batch: ProducerBatch): readonly [ProducerBatch, ProducerBatch] | undefined {
  if (batch.recordCount < 2) return undefined;
  const splitAt = batch.recordCount >> 1;
  const halves = [emptyCopy(batch), emptyCopy(batch)] as const;
  // Finishing it plain leaves the records where they are; what was sent before was answered, so nobody reads it now.
  const cursor = RecordCursor.over(batch.writer.finish({ compression: 'none' }), {
    maxDecompressedBytes: batch.sizeBytes,
  });
  for (let index = 0; cursor.next(); index++) {
    const half = halves[index < splitAt ? 0 : 1];
    half.writer.append(cursor.key, cursor.value, cursor.headers, cursor.timestampMs);
    half.recordCount += 1;
  }
  for (const half of halves) half.sizeBytes = half.writer.sizeBytes;
  batch.deliveries.split(splitAt, halves[0].deliveries, halves[1].deliveries);
  return halves;
}

/** Half of the records, with a header of its own, never need more room than the whole. */
function emptyCopy(batch: ProducerBatch): ProducerBatch {
  const { topic, partition, createdMs, deadlineMs, generation, sizeBytes } = batch;
  const writer = new BatchWriter({ maxBytes: sizeBytes });
  return new ProducerBatch({ topic, partition, createdMs, deadlineMs, generation, writer, isPooled: false });
}
