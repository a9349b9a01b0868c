/**
 * Files as the log needs them.
 *
 * Durability, in the words of this interface:
 * - what `write` wrote may be lost, kept, or torn by a crash until a `sync` of that file that began later succeeded;
 * - a created, renamed or removed directory entry may be undone by a crash until `syncDirectory` of its directory
 *   succeeded;
 * - after a failed `sync` nothing is known of the data since the last good one, and a later good `sync` of the same
 *   file proves nothing about it: give the file up and recover.
 *
 * Operations on the page cache and on names are synchronous; `sync`, `syncDirectory` and cold reads are not.
 * Errors carry the system's code (`ENOENT`, `ENOSPC`, `EIO`, ...) in `code`.
 */
export interface FileSystem {
  /**
   * - `read`: must exist, reads only;
   * - `write`: created when absent, reads and writes;
   * - `create`: must not exist (`EEXIST`), reads and writes.
   */
  open(path: string, mode: OpenMode): File;
  /** Names in a directory, sorted by code unit. Throws `ENOENT`. */
  list(directory: string): string[];
  /** Undefined when there is nothing at `path`. */
  stat(path: string): FileStat | undefined;
  /** Creates one directory; the parent must exist. Nothing happens when it is there already. */
  makeDirectory(path: string): void;
  /** Replaces `to` when it exists. */
  rename(from: string, to: string): void;
  removeFile(path: string): void;
  /** Removes a directory and all that is in it. */
  removeDirectory(path: string): void;
  syncDirectory(path: string): Promise<void>;
  /** Takes an exclusive lock that ends with this process; throws `DATA_DIRECTORY_LOCKED` when another holds it. */
  lock(path: string): FileLock;
  /** Bytes still free on the file system of `path`. */
  freeBytes(path: string): number;
}

export type OpenMode = 'read' | 'write' | 'create';

export interface FileStat {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
}

export interface FileLock {
  release(): void;
}

/** Bytes `[offset, offset + length)` of a buffer, to or from a place in a file. */
export interface File {
  /** The size by the file system. */
  sizeBytes(): number;
  /**
   * Writes at `position` into the page cache. Returns how many bytes were written, which may be fewer than asked for:
   * on a full disk the first call returns short and only the next one throws `ENOSPC`.
   */
  write(buffer: Uint8Array, offset: number, length: number, position: number): number;
  /** Returns how many bytes were read; fewer than asked for at the end of the file. */
  readSync(buffer: Uint8Array, offset: number, length: number, position: number): number;
  /** As `readSync`, off the event loop: for data that is probably not in the page cache. */
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>;
  /** Makes data and size durable (fdatasync). Callers keep one in flight per file. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): void;
  /** Later calls on this file throw `EBADF`. */
  close(): void;
}
