/**
 * The offset of the newest record of each key, in memory of a fixed size: what compaction needs to know to tell which
 * records are superseded.
 *
 * An open-addressing table in one buffer; a slot:
 *
 *     0  16 bytes  the first half of the key's SHA-256; the first 4 bytes say where to look, then slot by slot
 *    16  f64       offset; -1 in an empty slot
 *
 * Two keys with the same 16 bytes would be taken for one. That does not happen by chance, and nobody can make it
 * happen by choosing keys.
 */
import { hash } from 'node:crypto';
import { assert } from '@millrace/base';

const slotBytes = 24;
const hashBytes = 16;
/** Above this share of slots in use, looking for one takes long. */
const maxLoad = 0.75;

export class OffsetMap {
  #slots: Buffer;
  #slotCount: number;
  #size = 0;

  constructor(memoryBytes: number) {
    this.#slotCount = Math.max(2, Math.floor(memoryBytes / slotBytes));
    this.#slots = emptySlots(this.#slotCount);
  }

  /** How many keys it has room for. */
  get capacity(): number {
    return Math.floor(this.#slotCount * maxLoad);
  }

  get size(): number {
    return this.#size;
  }

  /** Makes an empty map large enough for the keys of one batch, which must be taken in whole. */
  growEmpty(keys: number): void {
    assert(this.#size === 0, 'only an empty offset map grows');
    if (keys <= this.capacity) return;
    this.#slotCount = Math.ceil(keys / maxLoad) + 1;
    this.#slots = emptySlots(this.#slotCount);
  }

  /** Offsets of one key come in ascending order. */
  set(key: Uint8Array, offset: number): void {
    const digest = digestOf(key);
    const position = this.#find(digest);
    const before = this.#slots.readDoubleBE(position + hashBytes);
    assert(offset > before, `offsets of a key ascend: ${offset} after ${before}`);
    if (before < 0) {
      assert(this.#size < this.capacity, 'the offset map has room for what its user adds');
      digest.copy(this.#slots, position, 0, hashBytes);
      this.#size++;
    }
    this.#slots.writeDoubleBE(offset, position + hashBytes);
  }

  /** -1 when the key is not known. */
  get(key: Uint8Array): number {
    if (this.#size === 0) return -1;
    return this.#slots.readDoubleBE(this.#find(digestOf(key)) + hashBytes);
  }

  /** Position of the key's slot, or of the empty one where it would go. */
  #find(digest: Buffer): number {
    let slot = digest.readUInt32BE(0) % this.#slotCount;
    for (;;) {
      const position = slot * slotBytes;
      const isEmpty = this.#slots.readDoubleBE(position + hashBytes) < 0;
      if (isEmpty || this.#slots.compare(digest, 0, hashBytes, position, position + hashBytes) === 0) return position;
      slot = slot + 1 === this.#slotCount ? 0 : slot + 1;
    }
  }
}

function digestOf(key: Uint8Array): Buffer {
  return hash('sha256', key, 'buffer');
}

function emptySlots(count: number): Buffer {
  const slots = Buffer.alloc(count * slotBytes);
  for (let slot = 0; slot < count; slot++) slots.writeDoubleBE(-1, slot * slotBytes + hashBytes);
  return slots;
}
