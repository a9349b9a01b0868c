/**
 * The moment at which a record was due, in its first 8 bytes: milliseconds since 1970 with a fraction, which processes of
 * one machine can compare. Records of the warm-up have 0 there.
 */
export const stampBytes = 8;

export function nowSince1970Ms(): number {
  return performance.timeOrigin + performance.now();
}

export function stamped(value: Buffer, dueSince1970Ms: number): Buffer {
  const copy = Buffer.from(value);
  copy.writeDoubleBE(dueSince1970Ms);
  return copy;
}

/** NaN where there is none. */
export function stampOf(value: Uint8Array): number {
  if (value.length < stampBytes) return NaN;
  return new DataView(value.buffer, value.byteOffset).getFloat64(0);
}
