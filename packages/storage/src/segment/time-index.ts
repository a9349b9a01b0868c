/**
 * `.timeindex`: the largest timestamp so far, each time the offset index got an entry and it had grown; and once more
 * when the segment is closed, so that the last entry tells the segment's largest. Kafka's layout:
 *
 *     0  i64  largest timestamp up to and with the batch                                   key
 *     8  u32  last offset of the first batch that has it - base offset of the segment      value
 *
 * All records before that batch have smaller timestamps.
 */
import type { IndexLayout } from './sparse-index.js';

export const timeIndexLayout: IndexLayout = {
  entryBytes: 12,
  write(buffer, position, key, value) {
    buffer.writeInt32BE(Math.floor(key / 2 ** 32), position);
    buffer.writeUInt32BE(key - Math.floor(key / 2 ** 32) * 2 ** 32, position + 4);
    buffer.writeUInt32BE(value, position + 8);
  },
  readKey: (buffer, position) => buffer.readInt32BE(position) * 2 ** 32 + buffer.readUInt32BE(position + 4),
  readValue: (buffer, position) => buffer.readUInt32BE(position + 8),
};
