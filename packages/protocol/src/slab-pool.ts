/**
 * Memory for frames that arrive in pieces, used again and again: slabs in few sizes, one owner at a time, and a bound
 * on what is kept while nobody needs it.
 */
const smallestSlabBytes = 4096;

/** Four sizes to a doubling: a slab is at most a quarter longer than asked for. */
function slabBytes(bytes: number): number {
  if (bytes <= smallestSlabBytes) return smallestSlabBytes;
  const step = 2 ** (Math.floor(Math.log2(bytes - 1)) - 2);
  return Math.ceil(bytes / step) * step;
}

export class SlabPool {
  readonly #maxFreeBytes: number;
  readonly #free = new Map<number, Uint8Array[]>();
  #freeBytes = 0;

  constructor(options: { readonly maxFreeBytes?: number } = {}) {
    this.#maxFreeBytes = options.maxFreeBytes ?? 32 * 1024 * 1024;
  }

  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** At least `bytes` long; holds whatever its last owner left in it. */
  take(bytes: number): Uint8Array {
    return this.takeFree(bytes) ?? Buffer.allocUnsafeSlow(slabBytes(bytes));
  }

  /** As `take`, when one of that size lies ready. */
  takeFree(bytes: number): Uint8Array | undefined {
    const slab = this.#free.get(slabBytes(bytes))?.pop();
    if (slab !== undefined) this.#freeBytes -= slab.length;
    return slab;
  }

  /** The giver must not touch the slab again. */
  give(slab: Uint8Array): void {
    if (this.#freeBytes + slab.length > this.#maxFreeBytes) return;
    const stack = this.#free.get(slab.length);
    if (stack === undefined) this.#free.set(slab.length, [slab]);
    else stack.push(slab);
    this.#freeBytes += slab.length;
  }
}
