/**
 * Thousands of partitions on a few hundred file descriptors.
 *
 * A `PooledFile` stands for a file for as long as its owner likes; the pool opens the real file when it is used and
 * closes the one that was used least recently when more than `maxOpenFiles` are open. To its owner it is a `File`.
 *
 * Which file is closed (second chance: a mark set by each use, cleared as the hand passes):
 *   1. never one with an asynchronous read or sync in flight: it is pinned;
 *   2. a clean one first. One with writes that no sync covered is closed only when no clean one is near: the kernel
 *      reports a failed write-back to a descriptor that was open at the time, and we want to hear of it.
 * When all are pinned the bound is passed for that moment and kept again as soon as a pin goes. A thousand syncs may be under
 * way at once: the hand must not meet those files, or each open would look at all of them.
 *
 * Invariants: `#openCount` counts the pooled files with an open handle; `#idle` holds exactly those that are not pinned.
 */
import { assert, MillraceError, type File, type FileSystem, type OpenMode } from '@millrace/base';
import { syncFailed } from './storage-errors.js';

export interface FilePoolOptions {
  /** How many handles stay open between uses. */
  readonly maxOpenFiles?: number;
}

/** Half of the 1,024 descriptors that many systems give a process; sockets take the rest. */
const defaultMaxOpenFiles = 512;
/** How many files with unsynced writes are passed over in search of one without. */
const dirtyLooks = 32;

export class FilePool {
  readonly #files: FileSystem;
  readonly #maxOpenFiles: number;
  #openCount = 0;
  /** In the order of the hand: the first is looked at next. */
  readonly #idle = new Set<PooledFile>();

  constructor(files: FileSystem, options: FilePoolOptions = {}) {
    this.#files = files;
    this.#maxOpenFiles = options.maxOpenFiles ?? defaultMaxOpenFiles;
    assert(this.#maxOpenFiles > 0, 'a file pool holds at least one file');
  }

  get openCount(): number {
    return this.#openCount;
  }

  /** Opens at once, so that a missing or existing file is told here; modes are those of `FileSystem.open`. */
  open(path: string, mode: OpenMode): PooledFile {
    const file = new PooledFile(this.#files, this, path, mode);
    file.sizeBytes();
    return file;
  }

  /** For `PooledFile` only: a handle is about to be opened. */
  makeRoom(): void {
    this.#shrinkTo(this.#maxOpenFiles - 1);
  }

  /** For `PooledFile` only: a handle was opened, by a file that is not pinned. */
  opened(file: PooledFile): void {
    this.#openCount++;
    this.#idle.add(file);
  }

  /** For `PooledFile` only: a handle was closed, of a file that is not pinned. */
  closed(file: PooledFile): void {
    this.#openCount--;
    this.#idle.delete(file);
  }

  /** For `PooledFile` only: it was pinned for the first time. */
  pinned(file: PooledFile): void {
    this.#idle.delete(file);
  }

  /** For `PooledFile` only: its last pin went; the bound may have been passed meanwhile. */
  unpinned(file: PooledFile): void {
    this.#idle.add(file);
    this.#shrinkTo(this.#maxOpenFiles);
  }

  #shrinkTo(count: number): void {
    while (this.#openCount > count) {
      const victim = this.#victim();
      if (victim === undefined) return;
      victim.evict();
    }
  }

  #victim(): PooledFile | undefined {
    let dirty: PooledFile | undefined;
    let dirtySeen = 0;
    // Two rounds: the first may only clear the marks of files that were used since the hand last passed.
    for (let looks = this.#idle.size * 2; looks > 0; looks--) {
      const candidate: PooledFile | undefined = this.#idle.values().next().value;
      if (candidate === undefined) break;
      this.#idle.delete(candidate);
      this.#idle.add(candidate);
      if (candidate.clearUsed()) continue;
      if (!candidate.isDirty) return candidate;
      dirty ??= candidate;
      if (++dirtySeen === dirtyLooks) break;
    }
    return dirty;
  }
}

/** One file, open only while it is needed. All calls are those of `File`; paths follow renames. */
export class PooledFile implements File {
  readonly #files: FileSystem;
  readonly #pool: FilePool;
  #path: string;
  /** The mode of the next opening: a file is created once, later openings must find it. */
  #mode: OpenMode;
  #wasOpen = false;
  #handle: File | undefined;
  #pins = 0;
  #used = false;
  /** Counts writes; equal to `#syncedChanges` when a sync covered them all. */
  #changes = 0;
  #syncedChanges = 0;
  #isClosed = false;

  constructor(files: FileSystem, pool: FilePool, path: string, mode: OpenMode) {
    this.#files = files;
    this.#pool = pool;
    this.#path = path;
    this.#mode = mode;
  }

  get path(): string {
    return this.#path;
  }

  /** Whether it holds a descriptor now. */
  get isOpen(): boolean {
    return this.#handle !== undefined;
  }

  get isPinned(): boolean {
    return this.#pins > 0;
  }

  get isDirty(): boolean {
    return this.#changes !== this.#syncedChanges;
  }

  sizeBytes(): number {
    return this.#use().sizeBytes();
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): number {
    const handle = this.#use();
    this.#changes++;
    return handle.write(buffer, offset, length, position);
  }

  readSync(buffer: Uint8Array, offset: number, length: number, position: number): number {
    return this.#use().readSync(buffer, offset, length, position);
  }

  async read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    const handle = this.#use();
    this.#pin();
    try {
      return await handle.read(buffer, offset, length, position);
    } finally {
      this.#unpin();
    }
  }

  /** Rejects with the system's own error when the file cannot be opened, and with `syncFailed` when the sync failed. */
  async sync(): Promise<void> {
    const handle = this.#use();
    const changes = this.#changes;
    this.#pin();
    try {
      await handle.sync();
      this.#syncedChanges = changes;
    } catch (error) {
      throw syncFailed(this.#path, error);
    } finally {
      this.#unpin();
    }
  }

  truncate(sizeBytes: number): void {
    const handle = this.#use();
    this.#changes++;
    handle.truncate(sizeBytes);
  }

  /** Ends the use of this file. With a read or sync in flight, the handle closes when that ends. */
  close(): void {
    this.#isClosed = true;
    if (this.#pins === 0) this.evict();
  }

  /** Moves the file; reads and syncs in flight go on, for a handle does not care for names. */
  rename(to: string): void {
    this.#files.rename(this.#path, to);
    this.#path = to;
  }

  /** Closes the file and removes it. Reads in flight end well: the bytes live as long as the handle. */
  remove(): void {
    this.close();
    this.#files.removeFile(this.#path);
  }

  /** For `FilePool` only: whether the file was used since the last call. */
  clearUsed(): boolean {
    const used = this.#used;
    this.#used = false;
    return used;
  }

  /** For `FilePool` only: closes the handle; the next use opens another. */
  evict(): void {
    assert(this.#pins === 0, 'a file with a read or sync in flight stays open');
    const handle = this.#handle;
    if (handle === undefined) return;
    this.#handle = undefined;
    this.#pool.closed(this);
    handle.close();
  }

  #use(): File {
    if (this.#isClosed) throw new MillraceError('EBADF', `${this.#path} is closed`);
    this.#used = true;
    return this.#handle ?? this.#openHandle();
  }

  #openHandle(): File {
    this.#pool.makeRoom();
    // Opening with `write` once more would bring a file that somebody removed back to life, empty.
    if (this.#wasOpen && this.#files.stat(this.#path) === undefined) {
      throw new MillraceError('ENOENT', `${this.#path} is gone: it was removed while Millrace was using it`);
    }
    const handle = this.#files.open(this.#path, this.#mode);
    this.#wasOpen = true;
    if (this.#mode === 'create') this.#mode = 'write';
    this.#handle = handle;
    this.#pool.opened(this);
    return handle;
  }

  #pin(): void {
    this.#pins++;
    if (this.#pins === 1) this.#pool.pinned(this);
  }

  #unpin(): void {
    this.#pins--;
    assert(this.#pins >= 0, 'each pin is taken off once');
    if (this.#pins > 0) return;
    if (this.#isClosed) this.evict();
    else this.#pool.unpinned(this);
  }
}
