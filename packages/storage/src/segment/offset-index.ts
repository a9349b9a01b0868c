/**
 * `.index`: where a batch lies in its segment's log. One entry about every `index.interval.bytes`, Kafka's layout:
 *
 *     0  u32  last offset of the batch - base offset of the segment     key
 *     4  u32  position of the batch in the log file                     value
 */
import type { IndexLayout } from './sparse-index.js';

export const offsetIndexLayout: IndexLayout = {
  entryBytes: 8,
  write(buffer, position, key, value) {
    buffer.writeUInt32BE(key, position);
    buffer.writeUInt32BE(value, position + 4);
  },
  readKey: (buffer, position) => buffer.readUInt32BE(position),
  readValue: (buffer, position) => buffer.readUInt32BE(position + 4),
};
