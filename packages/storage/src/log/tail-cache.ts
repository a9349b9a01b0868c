/**
 * The most recent appends of a log, in memory, for readers at its tail.
 *
 *     chunk          | b0 b1 b2 | b3 b4 |    b5     | b6 ...          whole batches, back to back
 *                      ^ oldest    copied   as lent    ^ newest, filling
 *
 * Small appends are copied into chunks that begin small and grow, so that an idle partition costs little. A large one
 * that comes in memory which may be kept (`AppendMemory`) is not copied: it becomes a chunk as it is.
 *
 * The memory of a chunk is used again only when nobody holds it any more: neither this cache nor any reader. Readers
 * release what they got; one that does not leaves it to the garbage collector. What all logs keep together is bounded
 * by a `TailCacheBudget`; the oldest chunk of any log goes first, at once and from that log's cache too: a log that
 * nobody writes to any more would hold on to it otherwise.
 *
 * Invariants: the chunks hold consecutive batches up to the end of the log; a chunk is in its cache exactly while it
 * counts in the budget.
 */
import { assert } from '@millrace/base';
import type { ReadResult } from './log-reader.js';

const firstChunkBytes = 4 * 1024;
const maxChunkBytes = 256 * 1024;
/** Of the budget, for chunks that are kept for the next ones: fresh memory costs many times what a copy into it does. */
const freeShare = 1 / 16;
/** From here on memory that is lent is kept instead of copied, when not much of it is waste. */
const keepFromBytes = 32 * 1024;
const maxWaste = 0.5;

/** The memory that an append lies in: who retains it may read it until it is released, and nobody writes to it. */
export interface AppendMemory {
  readonly sizeBytes: number;
  retain(): void;
  release(): void;
}

/** Whoever has the chunk in a list of its own. */
interface ChunkOwner {
  dropOldest(): void;
}

class Chunk {
  readonly owner: ChunkOwner;
  readonly bytes: Uint8Array;
  /** What it costs: more than is in use when it was lent. */
  readonly sizeBytes: number;
  usedBytes = 0;
  /** Of each batch: its last offset, and where it ends. */
  readonly lastOffsets: number[] = [];
  readonly ends: number[] = [];
  /** Whether the memory is somebody else's, and full. */
  readonly isLent: boolean;
  readonly #free: (() => void) | undefined;
  /** The cache until it drops it, and readers. */
  #holders = 1;

  /** `free` is called when nobody holds it any more. */
  constructor(owner: ChunkOwner, bytes: Uint8Array, lent: AppendMemory | undefined, free?: () => void) {
    this.owner = owner;
    this.bytes = bytes;
    this.isLent = lent !== undefined;
    this.sizeBytes = lent?.sizeBytes ?? bytes.length;
    this.#free = free;
  }

  hold(): void {
    this.#holders += 1;
  }

  letGo(): void {
    this.#holders -= 1;
    assert(this.#holders >= 0, 'a chunk is let go once by each of its holders');
    if (this.#holders === 0) this.#free?.();
  }
}

/** A view of a chunk, held until it is released. */
class CachedRead implements ReadResult {
  readonly bytes: Uint8Array;
  #chunk: Chunk | undefined;

  constructor(bytes: Uint8Array, chunk: Chunk) {
    this.bytes = bytes;
    this.#chunk = chunk;
    chunk.hold();
  }

  release(): void {
    this.#chunk?.letGo();
    this.#chunk = undefined;
  }
}

/** What the tail caches of all logs of a node may keep together, chunks that lie ready included. */
export class TailCacheBudget {
  readonly #maxBytes: number;
  readonly #maxFree: number;
  #usedBytes = 0;
  /** Oldest first. */
  readonly #chunks = new Set<Chunk>();
  readonly #free: Uint8Array[] = [];

  constructor(maxBytes: number) {
    this.#maxFree = Math.floor((maxBytes * freeShare) / maxChunkBytes);
    this.#maxBytes = maxBytes - this.#maxFree * maxChunkBytes;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** For `TailCache` only: whether so much may be kept at all. */
  allows(sizeBytes: number): boolean {
    return sizeBytes <= this.#maxBytes;
  }

  /** For `TailCache` only: a chunk to copy into. */
  create(owner: ChunkOwner, sizeBytes: number): Chunk {
    if (sizeBytes !== maxChunkBytes) return new Chunk(owner, Buffer.allocUnsafeSlow(sizeBytes), undefined);
    const bytes = this.#free.pop() ?? Buffer.allocUnsafeSlow(sizeBytes);
    return new Chunk(owner, bytes, undefined, () => {
      if (this.#free.length < this.#maxFree) this.#free.push(bytes);
    });
  }

  /** For `TailCache` only, of a size that is allowed: what is older makes room, whichever log it is of. */
  add(chunk: Chunk): void {
    this.#chunks.add(chunk);
    this.#usedBytes += chunk.sizeBytes;
    for (const oldest of this.#chunks) {
      if (this.#usedBytes <= this.#maxBytes) return;
      // Chunks of one log are added in their order, so that its oldest is this one.
      oldest.owner.dropOldest();
    }
  }

  /** For `TailCache` only: the cache lets go of a chunk. */
  remove(chunk: Chunk): void {
    assert(this.#chunks.delete(chunk), 'a chunk counts until its cache lets go of it');
    this.#usedBytes -= chunk.sizeBytes;
    chunk.letGo();
  }
}

export class TailCache implements ChunkOwner {
  readonly #budget: TailCacheBudget;
  readonly #maxBytes: number;
  /** Oldest first. */
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

  /**
   * Takes in an append of whole batches; of each batch, its last offset and where in `bytes` it ends. Keeps `memory`, in
   * which they lie, when that is worth it.
   */
  append(bytes: Uint8Array, lastOffsets: readonly number[], ends: readonly number[], memory?: AppendMemory): void {
    assert(lastOffsets.length > 0 && ends.at(-1) === bytes.length, 'an append has whole batches');
    const kept = memory === undefined ? undefined : this.#keep(bytes, memory);
    const chunk = kept ?? this.#chunkFor(bytes.length);
    if (chunk === undefined) {
      this.clear((lastOffsets.at(-1) ?? 0) + 1);
      return;
    }
    const start = chunk.usedBytes;
    if (kept === undefined) chunk.bytes.set(bytes, start);
    chunk.usedBytes += bytes.length;
    for (let index = 0; index < ends.length; index++) {
      chunk.lastOffsets.push(lastOffsets[index] ?? 0);
      chunk.ends.push(start + (ends[index] ?? 0));
    }
    this.#endOffset = (lastOffsets.at(-1) ?? 0) + 1;
  }

  /**
   * Whole batches from the one that holds `offset`, up to `maxBytes` but at least one, all below `endOffset`.
   * Undefined when that batch is not held; empty when none of it lies below `endOffset`. To be released by the reader.
   */
  read(offset: number, maxBytes: number, endOffset: number): ReadResult | undefined {
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
    return new CachedRead(chunk.bytes.subarray(start, end), chunk);
  }

  /** Forgets everything; the log goes on at `endOffset`. */
  clear(endOffset: number): void {
    for (const chunk of this.#chunks) this.#budget.remove(chunk);
    this.#chunks = [];
    this.#bytes = 0;
    this.#startOffset = endOffset;
    this.#endOffset = endOffset;
  }

  /** For `TailCacheBudget`: the room is needed elsewhere. */
  dropOldest(): void {
    const oldest = this.#chunks.shift();
    if (oldest === undefined) return;
    this.#bytes -= oldest.sizeBytes;
    this.#budget.remove(oldest);
    this.#startOffset = Math.max(this.#startOffset, (oldest.lastOffsets.at(-1) ?? -1) + 1);
  }

  /** Undefined when so much is not to be kept. */
  #chunkFor(sizeBytes: number): Chunk | undefined {
    const newest = this.#chunks.at(-1);
    if (newest !== undefined && newest.bytes.length - newest.usedBytes >= sizeBytes) return newest;
    // Sizes are not taken over from a chunk that was lent: what comes between large appends may be small.
    const nextBytes = newest === undefined || newest.isLent ? firstChunkBytes : newest.bytes.length * 2;
    const chunkBytes = Math.max(Math.min(maxChunkBytes, nextBytes), sizeBytes);
    return this.#budget.allows(chunkBytes) ? this.#add(this.#budget.create(this, chunkBytes)) : undefined;
  }

  /** The append as a chunk of its own, full from the start; undefined when it is better copied. */
  #keep(bytes: Uint8Array, memory: AppendMemory): Chunk | undefined {
    const { sizeBytes } = memory;
    if (bytes.length < keepFromBytes || sizeBytes > bytes.length * (1 + maxWaste)) return undefined;
    if (!this.#budget.allows(sizeBytes)) return undefined;
    memory.retain();
    return this.#add(new Chunk(this, bytes, memory, () => memory.release()));
  }

  #add(chunk: Chunk): Chunk {
    while (this.#chunks.length > 0 && this.#bytes + chunk.sizeBytes > this.#maxBytes) this.dropOldest();
    this.#chunks.push(chunk);
    this.#bytes += chunk.sizeBytes;
    this.#budget.add(chunk);
    return chunk;
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
