import { corruptMessage } from './corrupt-message.js';
import type { ReadHeaders } from './record-headers.js';
import { VarintReader } from './varint.js';

/** The smallest header: two lengths. */
const minHeaderBytes = 2;

const noHeaders: ReadHeaders = [];

/** Decodes the headers section of a record, which must fill `[start, end)`. */
export function readHeaders(bytes: Buffer, start: number, end: number): ReadHeaders {
  const reader = new VarintReader(bytes, start, end);
  const count = reader.readVarint();
  if (count < 0 || count * minHeaderBytes > end - reader.position)
    throw corruptMessage(`a record counts ${count} headers`);
  if (count === 0) {
    if (reader.position !== end) throw corruptMessage('bytes follow the headers of a record');
    return noHeaders;
  }
  const headers: [string, Buffer | null][] = [];
  for (let index = 0; index < count; index++) {
    const key = readField(reader, bytes);
    if (key === null) throw corruptMessage('a header has no name');
    headers.push([key.toString('utf8'), readField(reader, bytes)]);
  }
  if (reader.position !== end) throw corruptMessage('bytes follow the headers of a record');
  return headers;
}

function readField(reader: VarintReader, bytes: Buffer): Buffer | null {
  const length = reader.readVarint();
  if (length === -1) return null;
  const start = reader.position;
  if (length < 0 || length > reader.end - start) throw corruptMessage('a header reaches past the end of its record');
  reader.position = start + length;
  return bytes.subarray(start, start + length);
}
