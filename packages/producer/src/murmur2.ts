/**
 * MurmurHash2, 32 bits, with the seed of Kafka's clients: keys land on the partition where a Kafka producer of any
 * language would put them.
 */
const seed = 0x9747b28c;
const m = 0x5bd1e995;
const r = 24;

/** Strings are hashed as UTF-8. Returns a signed 32-bit number. */
export function murmur2(key: Uint8Array | string): number {
  if (typeof key !== 'string') return hash(key, key.length);
  // A UTF-16 unit takes at most three bytes of UTF-8.
  if (scratch.length < key.length * 3) scratch = Buffer.allocUnsafeSlow(key.length * 3);
  return hash(scratch, scratch.write(key));
}

/** Where string keys are encoded for hashing; never kept beyond a call. */
let scratch = Buffer.allocUnsafeSlow(1024);

function hash(data: Uint8Array, length: number): number {
  let h = seed ^ length;
  const end = length & ~3;
  let i = 0;
  for (; i < end; i += 4) {
    let k =
      (data[i] as number) |
      ((data[i + 1] as number) << 8) |
      ((data[i + 2] as number) << 16) |
      ((data[i + 3] as number) << 24);
    k = Math.imul(k, m);
    k ^= k >>> r;
    h = Math.imul(h, m) ^ Math.imul(k, m);
  }
  const rest = length & 3;
  if (rest === 3) h ^= (data[i + 2] as number) << 16;
  if (rest >= 2) h ^= (data[i + 1] as number) << 8;
  if (rest >= 1) h = Math.imul(h ^ (data[i] as number), m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}
