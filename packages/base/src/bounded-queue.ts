/**
 * First in, first out, with a limit on items and on bytes: what does not fit is refused, so that the caller must
 * slow down instead of the heap growing.
 *
 * A ring of slots: `#head` is the oldest item, the newest is `#length - 1` slots after it. The ring doubles up to
 * `maxItems` and does not shrink; freed slots are cleared so that they keep nothing alive.
 */
import { assert } from './assert.js';

export interface BoundedQueueLimits {
  readonly maxItems: number;
  /** Limit on the sum of the sizes given to `offer`. An item larger than all of it still enters an empty queue. */
  readonly maxBytes?: number;
}

export class BoundedQueue<Item> {
  readonly #maxItems: number;
  readonly #maxBytes: number;
  #items: (Item | undefined)[];
  #sizes: number[];
  #head = 0;
  #length = 0;
  #sizeBytes = 0;

  constructor(limits: BoundedQueueLimits) {
    assert(Number.isSafeInteger(limits.maxItems) && limits.maxItems > 0, `maxItems must be at least 1`);
    this.#maxItems = limits.maxItems;
    this.#maxBytes = limits.maxBytes ?? Infinity;
    const slots = Math.min(16, limits.maxItems);
    this.#items = new Array<Item | undefined>(slots).fill(undefined);
    this.#sizes = new Array<number>(slots).fill(0);
  }

  get length(): number {
    return this.#length;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** Whether an item of this size would be taken. An oversized one is, once the queue is empty: it must not wait for ever. */
  hasRoom(sizeBytes = 0): boolean {
    if (this.#length === 0) return true;
    return this.#length < this.#maxItems && this.#sizeBytes + sizeBytes <= this.#maxBytes;
  }

  /** Adds at the end. Returns false, and changes nothing, when there is no room. */
  offer(item: Item, sizeBytes = 0): boolean {
    if (!this.hasRoom(sizeBytes)) return false;
    if (this.#length === this.#items.length) this.#grow();
    const slot = (this.#head + this.#length) % this.#items.length;
    this.#items[slot] = item;
    this.#sizes[slot] = sizeBytes;
    this.#length += 1;
    this.#sizeBytes += sizeBytes;
    return true;
  }

  /** The oldest item, which stays. Undefined when empty. */
  peek(): Item | undefined {
    return this.#length === 0 ? undefined : this.#items[this.#head];
  }

  /** Removes and returns the oldest item. Undefined when empty. */
  take(): Item | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#sizeBytes -= this.#sizes[this.#head] ?? 0;
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#items.length;
    this.#length -= 1;
    return item;
  }

  clear(): void {
    while (this.#length > 0) this.take();
  }

  /** Oldest first, without removing. The queue must not change meanwhile. */
  *[Symbol.iterator](): Generator<Item, undefined> {
    for (let index = 0; index < this.#length; index += 1) {
      yield this.#items[(this.#head + index) % this.#items.length] as Item;
    }
  }

  #grow(): void {
    const slots = Math.min(this.#items.length * 2, this.#maxItems);
    const items = new Array<Item | undefined>(slots).fill(undefined);
    const sizes = new Array<number>(slots).fill(0);
    for (let index = 0; index < this.#length; index += 1) {
      const slot = (this.#head + index) % this.#items.length;
      items[index] = this.#items[slot];
      sizes[index] = this.#sizes[slot] ?? 0;
    }
    this.#items = items;
    this.#sizes = sizes;
    this.#head = 0;
  }
}
