/**
 * A sparse index of a segment: an append-only file of entries of one size, each a key and a value, both of which
 * strictly increase. The two layouts are `offset-index.ts` and `time-index.ts`.
 *
 *     file      e0 e1 e2 ... e(n-1)        read when looked up, never kept in memory
 *     pending                       en ..  not written yet; written when 512 have gathered, when the segment is
 *                                          closed, and before the recovery point passes them
 *
 * The index is derived from the log, so a failed write here is not fatal to it: entries that cannot be written (a full
 * disk, on which the log does not grow either) wait in memory. A failed sync is: what is in the file then is nowhere else. After a crash the file may hold any of
 * what was not synced, down to garbage: opening the log keeps only the entries below the recovery point and makes the
 * rest anew. A lookup returns the neighbours of what it found, for its caller checks the entry against the log, and
 * says when the order is broken.
 */
import { assert, errorMessage, type Logger } from '@millrace/base';
import type { FilePool, PooledFile } from '../file-pool.js';
import { writeFully } from '../write-fully.js';

export interface IndexEntry {
  readonly key: number;
  readonly value: number;
}

/** How an entry lies in the file. */
export interface IndexLayout {
  readonly entryBytes: number;
  write(buffer: Buffer, position: number, key: number, value: number): void;
  readKey(buffer: Buffer, position: number): number;
  readValue(buffer: Buffer, position: number): number;
}

export interface SparseIndexOptions {
  readonly layout: IndexLayout;
  readonly filePool: FilePool;
  readonly logger: Logger;
  readonly path: string;
  readonly maxBytes: number;
}

/** The last entry whose key is not above the target, and those beside it. */
export interface IndexFloor {
  readonly previous: IndexEntry | undefined;
  readonly entry: IndexEntry | undefined;
  readonly isDamaged: boolean;
}

const pendingEntries = 512;
const firstPendingEntries = 16;
/** Below this many candidates they are read together instead of halved further. */
const blockEntries = 512;

export class SparseIndex {
  readonly #layout: IndexLayout;
  readonly #filePool: FilePool;
  readonly #logger: Logger;
  #path: string;
  readonly #maxEntries: number;
  /** Opened when it is first used: a segment that never gets an entry written needs no file yet. */
  #file: PooledFile | undefined;
  /** Entries in the file; `#pendingCount` more follow them in `#pending`. */
  #fileCount = 0;
  #pending: Buffer | undefined;
  #pendingCount = 0;
  /** Read from the file when it is first asked for: of most segments nobody asks. */
  #last: IndexEntry | undefined;
  #isLastKnown = true;

  constructor(options: SparseIndexOptions) {
    this.#layout = options.layout;
    this.#filePool = options.filePool;
    this.#logger = options.logger;
    this.#path = options.path;
    this.#maxEntries = Math.floor(options.maxBytes / options.layout.entryBytes);
  }

  get count(): number {
    return this.#fileCount + this.#pendingCount;
  }

  get isFull(): boolean {
    return this.count >= this.#maxEntries;
  }

  /** Undefined when there is none, or the file is shorter than it was. */
  get last(): IndexEntry | undefined {
    if (!this.#isLastKnown) this.#readLast();
    return this.#last;
  }

  /** Takes over a file of this size. False, and the index is empty, when that is no whole number of entries. */
  load(sizeBytes: number): boolean {
    const isWhole = sizeBytes % this.#layout.entryBytes === 0;
    this.#fileCount = isWhole ? sizeBytes / this.#layout.entryBytes : 0;
    this.#pendingCount = 0;
    this.#isLastKnown = false;
    return isWhole;
  }

  /** Whether all entries are in order, and the last is not above these. Reads the whole index. */
  isInOrder(maxKey: number, maxValue: number): boolean {
    const { entryBytes } = this.#layout;
    const all = this.#readSync(0, this.count);
    if (all === undefined) return this.count === 0;
    let previous: IndexEntry = { key: Number.NEGATIVE_INFINITY, value: Number.NEGATIVE_INFINITY };
    for (let position = 0; position < all.length; position += entryBytes) {
      const entry = this.#entry(all, position);
      if (entry.key <= previous.key || entry.value <= previous.value) return false;
      previous = entry;
    }
    return previous.key <= maxKey && previous.value <= maxValue;
  }

  append(key: number, value: number): void {
    const { last } = this;
    assert(
      last === undefined || (key > last.key && value > last.value),
      `index entries ascend: (${key}, ${value}) after (${last?.key}, ${last?.value}) in ${this.#path}`,
    );
    if (this.#pendingCount >= pendingEntries) this.flush();
    const position = this.#pendingCount * this.#layout.entryBytes;
    this.#layout.write(this.#roomFor(position), position, key, value);
    this.#pendingCount++;
    this.#last = { key, value };
  }

  /** Writes what is pending; what cannot be written stays pending. */
  flush(): void {
    const { entryBytes } = this.#layout;
    try {
      const file = this.#opened();
      if (this.#pendingCount === 0 || this.#pending === undefined) return;
      writeFully(file, this.#pending, 0, this.#pendingCount * entryBytes, this.#fileCount * entryBytes);
      this.#fileCount += this.#pendingCount;
      this.#pendingCount = 0;
    } catch (error) {
      // What was written of it lies beyond the entries that count, and the next flush writes over it.
      this.#logger.warn('cannot write an index', { path: this.#path, error: errorMessage(error) });
    }
  }

  /** Writes what is pending and makes it durable. False when it could not all be written. */
  async sync(): Promise<boolean> {
    this.flush();
    if (this.#pendingCount > 0) return false;
    await this.#opened().sync();
    return true;
  }

  async floor(target: number): Promise<IndexFloor> {
    const { entryBytes } = this.#layout;
    const count = this.count;
    let low = 0;
    let high = count;
    while (high - low > blockEntries) {
      const middle = (low + high) >>> 1;
      const one = await this.#read(middle, 1);
      if (one === undefined) return damaged;
      if (this.#layout.readKey(one, 0) <= target) low = middle + 1;
      else high = middle;
    }
    const first = Math.max(0, low - 2);
    const end = Math.min(count, high + 1);
    if (first === end) return nothing;
    const block = await this.#read(first, end - first);
    if (block === undefined) return damaged;
    let found = -1;
    for (let position = 0; position < block.length; position += entryBytes) {
      if (position > 0 && !this.#ascends(block, position)) return damaged;
      if (this.#layout.readKey(block, position) <= target) found = position;
    }
    // The search went past these entries because their keys are below the target: then they must still be.
    if (found < 0) return first === 0 ? nothing : damaged;
    return {
      previous: found >= entryBytes ? this.#entry(block, found - entryBytes) : undefined,
      entry: this.#entry(block, found),
      isDamaged: false,
    };
  }

  /** The last entry whose key is below `key`, from the whole index. */
  lastBelow(key: number): IndexEntry | undefined {
    return this.#entryAt(this.#countWhere((buffer, position) => this.#layout.readKey(buffer, position) < key) - 1);
  }

  /** The first entry whose value is above `value`, from the whole index. */
  firstWithValueAbove(value: number): IndexEntry | undefined {
    return this.#entryAt(this.#countWhere((buffer, position) => this.#layout.readValue(buffer, position) <= value));
  }

  /** Drops the entries with a value of at least `value`. */
  truncateValues(value: number): void {
    this.#keep(this.#countWhere((buffer, position) => this.#layout.readValue(buffer, position) < value));
  }

  /** Drops the entries with a key of at least `key`. */
  truncateKeys(key: number): void {
    this.#keep(this.#countWhere((buffer, position) => this.#layout.readKey(buffer, position) < key));
  }

  clear(): void {
    this.#keep(0);
  }

  /** Moves the file; the entries stay. */
  rename(to: string): void {
    this.#opened().rename(to);
    this.#path = to;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #keep(count: number): void {
    const fileCount = Math.min(count, this.#fileCount);
    this.#opened().truncate(fileCount * this.#layout.entryBytes);
    this.#fileCount = fileCount;
    this.#pendingCount = Math.min(this.#pendingCount, count - fileCount);
    this.#readLast();
  }

  #entryAt(index: number): IndexEntry | undefined {
    const one = this.#readSync(index, 1);
    return one && this.#entry(one, 0);
  }

  #readLast(): void {
    this.#last = this.#entryAt(this.count - 1);
    this.#isLastKnown = true;
  }

  /** How many entries from the first on fulfil this. */
  #countWhere(fulfils: (buffer: Buffer, position: number) => boolean): number {
    const { entryBytes } = this.#layout;
    const all = this.#readSync(0, this.count) ?? Buffer.alloc(0);
    let position = 0;
    while (position < all.length && fulfils(all, position)) position += entryBytes;
    return position / entryBytes;
  }

  #ascends(block: Buffer, position: number): boolean {
    const layout = this.#layout;
    const before = position - layout.entryBytes;
    return (
      layout.readKey(block, before) < layout.readKey(block, position) &&
      layout.readValue(block, before) < layout.readValue(block, position)
    );
  }

  #entry(buffer: Buffer, position: number): IndexEntry {
    return { key: this.#layout.readKey(buffer, position), value: this.#layout.readValue(buffer, position) };
  }

  /** Undefined when the file does not hold these entries. */
  async #read(first: number, count: number): Promise<Buffer | undefined> {
    const buffer = Buffer.alloc(count * this.#layout.entryBytes);
    const inFile = this.#copyPending(buffer, first, count);
    if (inFile === undefined) return undefined;
    if (inFile === 0) return buffer;
    const read = await this.#opened().read(buffer, 0, inFile, first * this.#layout.entryBytes);
    return read === inFile ? buffer : undefined;
  }

  #readSync(first: number, count: number): Buffer | undefined {
    if (first < 0 || count === 0) return undefined;
    const buffer = Buffer.alloc(count * this.#layout.entryBytes);
    const inFile = this.#copyPending(buffer, first, count);
    if (inFile === undefined) return undefined;
    if (inFile === 0) return buffer;
    const read = this.#opened().readSync(buffer, 0, inFile, first * this.#layout.entryBytes);
    return read === inFile ? buffer : undefined;
  }

  #roomFor(position: number): Buffer {
    const pending = this.#pending ?? Buffer.alloc(firstPendingEntries * this.#layout.entryBytes);
    this.#pending = pending.length > position ? pending : Buffer.concat([pending, Buffer.alloc(pending.length)]);
    return this.#pending;
  }

  /** Copies those of the entries that are pending; returns how many bytes before them are to come from the file. */
  #copyPending(buffer: Buffer, first: number, count: number): number | undefined {
    if (first + count > this.count) return undefined;
    const { entryBytes } = this.#layout;
    const inFile = Math.max(0, Math.min(this.#fileCount - first, count));
    const firstPending = Math.max(0, first - this.#fileCount);
    this.#pending?.copy(
      buffer,
      inFile * entryBytes,
      firstPending * entryBytes,
      (firstPending + count - inFile) * entryBytes,
    );
    return inFile * entryBytes;
  }

  #opened(): PooledFile {
    this.#file ??= this.#filePool.open(this.#path, 'write');
    return this.#file;
  }
}

const nothing: IndexFloor = { previous: undefined, entry: undefined, isDamaged: false };
const damaged: IndexFloor = { previous: undefined, entry: undefined, isDamaged: true };
