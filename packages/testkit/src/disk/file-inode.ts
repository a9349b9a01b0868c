/**
 * One simulated file, apart from its name.
 *
 *     #cached   what reads return (the page cache), `sizeBytes` long; the array may be longer
 *     durable   what is on the disk for certain
 *     unsynced  the operations that lead from durable to cached, in order
 *
 * Invariant: `durable` with all of `unsynced` applied equals the cached content, unless a sync failed: then the cache
 * may hold bytes that the disk never got, and no later sync will bring them there.
 */
import type { RandomStream } from '@millrace/base';
import { imageAfterCrash, type DataOperation } from './page-fate.js';

export class FileInode {
  readonly kind = 'file';
  readonly number: number;
  /** Names that lead here, and open handles: at 0 of both the file's space is free again. */
  links = 0;
  handles = 0;
  #cached: Uint8Array;
  #sizeBytes: number;
  #durable: Uint8Array;
  #durableSizeBytes: number;
  #unsynced: DataOperation[] = [];

  constructor(number: number, content: Uint8Array = new Uint8Array(0)) {
    this.number = number;
    this.#cached = content.slice();
    this.#sizeBytes = content.length;
    this.#durable = content.slice();
    this.#durableSizeBytes = content.length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get cached(): Uint8Array {
    return this.#cached.subarray(0, this.#sizeBytes);
  }

  get durable(): Uint8Array {
    return this.#durable.subarray(0, this.#durableSizeBytes);
  }

  get unsynced(): readonly DataOperation[] {
    return this.#unsynced;
  }

  /** The bytes belong to the inode from now on. */
  write(sequence: number, position: number, bytes: Uint8Array): void {
    const operation = { kind: 'write', sequence, position, bytes } as const;
    this.#unsynced.push(operation);
    [this.#cached, this.#sizeBytes] = applied(this.#cached, this.#sizeBytes, operation);
  }

  truncate(sequence: number, sizeBytes: number): void {
    const operation = { kind: 'truncate', sequence, sizeBytes } as const;
    this.#unsynced.push(operation);
    [this.#cached, this.#sizeBytes] = applied(this.#cached, this.#sizeBytes, operation);
  }

  /** A sync that began before the operation with this sequence number has ended well. */
  makeDurable(beforeSequence: number): void {
    let count = 0;
    for (const operation of this.#unsynced) {
      if (operation.sequence >= beforeSequence) break;
      [this.#durable, this.#durableSizeBytes] = applied(this.#durable, this.#durableSizeBytes, operation);
      count += 1;
    }
    this.#unsynced.splice(0, count);
  }

  /**
   * A sync failed: the kernel counts the pages as clean, whether they reached the disk or not. Mostly the cache still
   * shows them; some file systems drop them and show the old ones.
   */
  failSync(random: RandomStream): void {
    const durable = imageAfterCrash(this.durable, this.#unsynced, 'random', random);
    const cached = this.cached.slice();
    if (random.integer(0, 4) === 0) {
      cached.fill(0);
      cached.set(durable.subarray(0, cached.length));
    }
    this.setAfterFailedSync(durable, cached);
  }

  setAfterFailedSync(durable: Uint8Array, cached: Uint8Array): void {
    this.#durable = durable.slice();
    this.#durableSizeBytes = durable.length;
    this.#cached = cached.slice();
    this.#sizeBytes = cached.length;
    this.#unsynced = [];
  }

  /** The medium decays: on the disk and, as if read again, in the cache. */
  flipBit(bit: number): void {
    const index = Math.floor(bit / 8);
    const mask = 1 << (bit % 8);
    if (index < this.#sizeBytes) this.#cached[index] = (this.#cached[index] ?? 0) ^ mask;
    if (index < this.#durableSizeBytes) this.#durable[index] = (this.#durable[index] ?? 0) ^ mask;
  }
}

/** The content and size after an operation. Bytes between the size and the array's end are always 0. */
function applied(content: Uint8Array, sizeBytes: number, operation: DataOperation): [Uint8Array, number] {
  const size =
    operation.kind === 'truncate'
      ? operation.sizeBytes
      : Math.max(sizeBytes, operation.position + operation.bytes.length);
  let target = content;
  if (size > content.length) {
    target = new Uint8Array(Math.max(size, content.length * 2));
    target.set(content);
  }
  if (operation.kind === 'truncate') target.fill(0, size, sizeBytes);
  else target.set(operation.bytes, operation.position);
  return [target, size];
}
