import { crc32c } from '@millrace/record';

/** A copy of a batch that was changed by hand, with a CRC that is right again: what a malicious producer would send. */
export function sealed(batch: Uint8Array, change: (data: DataView, bytes: Uint8Array) => void): Uint8Array {
  const bytes = Uint8Array.from(batch);
  const data = new DataView(bytes.buffer);
  change(data, bytes);
  data.setUint32(17, crc32c(bytes, 21));
  return bytes;
}
