import { BatchView } from './batch-view.js';
import { corruptMessage } from './corrupt-message.js';
import type { LogRecord } from './log-record.js';
import { nextBatchSize } from './next-batch-size.js';
import { RecordCursor, type RecordCursorOptions } from './record-cursor.js';

/**
 * All records of whole batches that lie one after another, control records included. Checks each batch's CRC. For
 * coordinators, tools and tests: where speed counts, use a {@link RecordCursor} per batch.
 */
export function* recordsOf(bytes: Uint8Array, options: RecordCursorOptions): Generator<LogRecord, void, undefined> {
  const view = new BatchView();
  let position = 0;
  while (position < bytes.length) {
    const size = nextBatchSize(bytes, position, bytes.length);
    if (size === undefined) throw corruptMessage(`the batch at byte ${position} is cut off`);
    if (!view.at(bytes, position).isCrcValid())
      throw corruptMessage(`the checksum of the batch at byte ${position} is wrong`);
    const cursor = RecordCursor.over(view, options);
    while (cursor.next()) yield cursor.copy();
    position += size;
  }
}
