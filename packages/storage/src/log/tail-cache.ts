/**
 * The most recent appends of a log, in memory, for readers at its tail.
 *
 *     chunk          | b0 b1 b2 | b3 b4 | b5 ...                 whole batches, back to back, copied once on append
 *                      ^ oldest            ^ newest, filling
 *
 * Chunks begin small and grow, so that an idle partition costs little. A chunk's memory is written once and never used
 * again: a reader may hold a view of it for as long as it likes. What all logs keep together is bounded by a
 * `TailCacheBudget`; the oldest chunk of any log goes first.
 *
 * Invariants: the chunks hold consecutive batches up to the end of the log; a chunk that was dropped is empty.
 */
import { assert } from '@millrace/base';

const firstChunkBytes = 4 * 1024;
const maxChunkBytes = 256 * 1024;

class Chunk {
  readonly bytes: Buffer;
  usedBytes = 0;
  /** Of each batch: its last offset, and where it ends. */
  readonly lastOffsets: number[] = [];
  readonly ends: number[] = [];
  isDropped = false;

  constructor(sizeBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(sizeBytes);
  }
}

/** What the tail caches of all logs of a node may keep together. */
export class TailCacheBudget {
  readonly #maxBytes: number;
  #usedBytes = 0;
  /** Oldest first. */
  readonly #chunks = new Set<Chunk>();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** For `TailCache` only. */
  add(chunk: Chunk): void {
    this.#chunks.add(chunk);
    this.#usedBytes += chunk.bytes.length;
    for (const oldest of this.#chunks) {
      if (this.#usedBytes <= this.#maxBytes) return;
      this.remove(oldest);
      oldest.isDropped = true;
    }
  }

  /** For `TailCache` only. */
  remove(chunk: Chunk): void {
    if (this.#chunks.delete(chunk)) this.#usedBytes -= chunk.bytes.length;
  }
}

export class TailCache {
  readonly #budget: TailCacheBudget;
  readonly #maxBytes: number;
  /** Oldest first; those that the budget dropped are taken off at the front. */
  #chunks: Chunk[] = [];
  /** The offset of the first record that is held; the log's end when nothing is. */
  #startOffset: number;
  #endOffset: number;
  #bytes = 0;

  constructor(budget: TailCacheBudget, options: { readonly maxBytes: number; readonly endOffset: number }) {
    this.#budget = budget;
    this.#maxBytes = options.maxBytes;
    this.#startOffset = options.endOffset;
    this.#endOffset = options.endOffset;
  }

  /** Copies an append of whole batches; of each batch, its last offset and where in `bytes` it ends. */
  append(bytes: Uint8Array, lastOffsets: readonly number[], ends: readonly number[]): void {
    assert(lastOffsets.length > 0 && ends.at(-1) === bytes.length, 'an append has whole batches');
    const chunk = this.#chunkFor(bytes.length);
    const start = chunk.usedBytes;
    chunk.bytes.set(bytes, start);
    chunk.usedBytes += bytes.length;
    for (let index = 0; index < ends.length; index++) {
      chunk.lastOffsets.push(lastOffsets[index] ?? 0);
      chunk.ends.push(start + (ends[index] ?? 0));
    }
    this.#endOffset = (lastOffsets.at(-1) ?? 0) + 1;
  }

  /**
   * Whole batches from the one that holds `offset`, up to `maxBytes` but at least one, all below `endOffset`.
   * Undefined when that batch is not held; empty when none of it lies below `endOffset`.
   */
  read(offset: number, maxBytes: number, endOffset: number): Uint8Array | undefined {
    this.#forgetDropped();
    if (offset < this.#startOffset || offset >= this.#endOffset) return undefined;
    // Readers are mostly at the very end.
    let index = this.#chunks.length - 1;
    while (index > 0 && (this.#chunks[index - 1]?.lastOffsets.at(-1) ?? -1) >= offset) index--;
    const chunk = this.#chunks[index];
    if (chunk === undefined) return undefined;
    const first = firstAtLeast(chunk.lastOffsets, offset);
    const start = first === 0 ? 0 : (chunk.ends[first - 1] ?? 0);
    let end = start;
    for (let batch = first; batch < chunk.ends.length; batch++) {
      const batchEnd = chunk.ends[batch] ?? 0;
      if ((chunk.lastOffsets[batch] ?? 0) >= endOffset || (batch > first && batchEnd - start > maxBytes)) break;
      end = batchEnd;
    }
    return chunk.bytes.subarray(start, end);
  }

  /** Forgets everything; the log goes on at `endOffset`. */
  clear(endOffset: number): void {
    for (const chunk of this.#chunks) this.#budget.remove(chunk);
    this.#chunks = [];
    this.#bytes = 0;
    this.#startOffset = endOffset;
    this.#endOffset = endOffset;
  }

  #chunkFor(sizeBytes: number): Chunk {
    this.#forgetDropped();
    const newest = this.#chunks.at(-1);
    if (newest !== undefined && newest.bytes.length - newest.usedBytes >= sizeBytes) return newest;
    const nextBytes = Math.min(maxChunkBytes, newest === undefined ? firstChunkBytes : newest.bytes.length * 2);
    const chunk = new Chunk(Math.max(nextBytes, sizeBytes));
    while (this.#chunks.length > 0 && this.#bytes + chunk.bytes.length > this.#maxBytes) this.#dropOldest();
    this.#chunks.push(chunk);
    this.#bytes += chunk.bytes.length;
    this.#budget.add(chunk);
    return chunk;
  }

  #dropOldest(): void {
    const oldest = this.#chunks.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.bytes.length;
    this.#budget.remove(oldest);
    this.#startOffset = Math.max(this.#startOffset, (oldest.lastOffsets.at(-1) ?? -1) + 1);
  }

  #forgetDropped(): void {
    while (this.#chunks[0]?.isDropped === true) this.#dropOldest();
  }
}

/** Index of the first of these ascending numbers that is not below `target`. */
function firstAtLeast(numbers: readonly number[], target: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) < target) low = middle + 1;
    else high = middle;
  }
  return low;
}
