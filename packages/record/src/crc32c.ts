/**
 * CRC-32C (Castagnoli), the checksum of a batch.
 *
 * Two implementations, the quicker by size: a call into native code costs about 0.4 us whatever it does, so short
 * input is done here, eight bytes a step through eight tables.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';

/** Measured: native wins from about here (0.55 GB/s against 0.8 at 256 bytes, 1.0 against 0.7 at 512). */
const nativeFromBytes = 384;

/** The checksum of `[start, end)`, continuing from that of what came before it. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, previous = 0): number {
  if (end - start < nativeFromBytes) return tableCrc32c(bytes, start, end, previous);
  return nativeCrc32c(new Uint8Array(bytes.buffer, bytes.byteOffset + start, end - start), previous);
}

/** As {@link crc32c}, always by table. */
export function tableCrc32c(bytes: Uint8Array, start: number, end: number, previous: number): number {
  const t = tables;
  let crc = ~previous;
  let index = start;
  for (; index + 8 <= end; index += 8) {
    const x = crc ^ (bytes[index]! | (bytes[index + 1]! << 8) | (bytes[index + 2]! << 16) | (bytes[index + 3]! << 24));
    crc =
      t[0x700 + (x & 0xff)]! ^
      t[0x600 + ((x >>> 8) & 0xff)]! ^
      t[0x500 + ((x >>> 16) & 0xff)]! ^
      t[0x400 + (x >>> 24)]! ^
      t[0x300 + bytes[index + 4]!]! ^
      t[0x200 + bytes[index + 5]!]! ^
      t[0x100 + bytes[index + 6]!]! ^
      t[bytes[index + 7]!]!;
  }
  for (; index < end; index++) crc = (crc >>> 8) ^ t[(crc ^ bytes[index]!) & 0xff]!;
  return ~crc >>> 0;
}

/** Table k, at k * 256: the effect of a byte that is followed by k more. */
const tables = buildTables();

function buildTables(): Int32Array {
  const reflectedPolynomial = 0x82f63b78;
  const built = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ reflectedPolynomial : crc >>> 1;
    built[byte] = crc;
  }
  for (let index = 256; index < built.length; index++) {
    const previous = built[index - 256]!;
    built[index] = (previous >>> 8) ^ built[previous & 0xff]!;
  }
  return built;
}
