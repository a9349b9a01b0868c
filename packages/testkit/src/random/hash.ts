/** 32-bit hashes for seeds and traces: fast and the same everywhere; not for strangers' input. */

/** The value that hashing starts from. */
export const hashStart = 0x811c9dc5;

/** Mixes one number into a hash: the multiply-and-rotate step of MurmurHash3. Uses both halves of a number up to 2^53. */
export function hashNumber(hash: number, value: number): number {
  return mix(mix(hash, value | 0), Math.floor(value / 2 ** 32) | 0);
}

export function hashText(hash: number, text: string): number {
  let result = mix(hash, text.length);
  for (let index = 0; index < text.length; index += 1) result = mix(result, text.charCodeAt(index));
  return result;
}

export function hashBytes(hash: number, bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = bytes.length - (bytes.length % 4);
  let result = mix(hash, bytes.length);
  for (let index = 0; index < words; index += 4) result = mix(result, view.getInt32(index, true));
  for (let index = words; index < bytes.length; index += 1) result = mix(result, view.getUint8(index));
  return result;
}

/** Spreads the last inputs over all bits. */
export function hashEnd(hash: number): number {
  let result = hash;
  result = Math.imul(result ^ (result >>> 16), 0x85ebca6b);
  result = Math.imul(result ^ (result >>> 13), 0xc2b2ae35);
  return (result ^ (result >>> 16)) >>> 0;
}

function mix(hash: number, word: number): number {
  let scrambled = Math.imul(word, 0xcc9e2d51);
  scrambled = Math.imul((scrambled << 15) | (scrambled >>> 17), 0x1b873593);
  const joined = hash ^ scrambled;
  return (Math.imul((joined << 13) | (joined >>> 19), 5) + 0xe6546b64) | 0;
}
