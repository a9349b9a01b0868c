import { crc32c, encodeBatch, patchBatch, type PlainRecord, type EncodeBatchOptions } from '@millrace/record';

/** A batch as a leader sends it: records `v<offset>` from `baseOffset` on. */
export function batchAt(baseOffset: number, count: number, options: EncodeBatchOptions = {}): Uint8Array {
  const records = Array.from({ length: count }, (_, i): PlainRecord => ({
    key: `k${baseOffset + i}`,
    value: `v${baseOffset + i}`,
    timestampMs: 1000 + baseOffset + i,
  }));
  return encodeBatch(records, { ...options, baseOffset, leaderEpoch: 0 });
}

export function joined(...batches: Uint8Array[]): Uint8Array {
  return Buffer.concat(batches);
}

/** The same batch with one byte changed; its checksum made right again when asked. */
export function damaged(batch: Uint8Array, position: number, repairCrc = false): Uint8Array {
  const copy = Buffer.from(batch);
  copy[position] = (copy[position] ?? 0) ^ 0xff;
  if (repairCrc) copy.writeUInt32BE(crc32c(copy, 21), 17);
  return copy;
}

export function moved(batch: Uint8Array, baseOffset: number): Uint8Array {
  const copy = Buffer.from(batch);
  patchBatch(copy, 0, { baseOffset, leaderEpoch: 0 });
  return copy;
}
