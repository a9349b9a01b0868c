/**
 * The memory of a received frame, which may outlive its delivery: who keeps a view of it retains it, and releases it
 * when done. The last release gives it back to the pool; one that never comes leaves it to the garbage collector.
 */
import { assert } from '@millrace/base';
import type { SlabPool } from './slab-pool.js';

export class FrameMemory {
  readonly #slab: Uint8Array;
  readonly #slabs: SlabPool;
  /** The reader, until the frame was delivered, and all who retained it. */
  #holders = 1;

  constructor(slab: Uint8Array, slabs: SlabPool) {
    this.#slab = slab;
    this.#slabs = slabs;
  }

  /** All of it, of which a frame may use a part. */
  get sizeBytes(): number {
    return this.#slab.length;
  }

  retain(): void {
    assert(this.#holders > 0, 'memory is retained by who was lent it');
    this.#holders += 1;
  }

  release(): void {
    this.#holders -= 1;
    assert(this.#holders >= 0, 'memory is released once by each of its holders');
    if (this.#holders === 0) this.#slabs.give(this.#slab);
  }
}
