/** The `FileSystem` that one process sees of a simulated disk. */
import {
  completion,
  MillraceError,
  type File,
  type FileLock,
  type FileStat,
  type FileSystem,
  type OpenMode,
} from '@millrace/base';
import type { DiskCall } from './disk-faults.js';
import type { FileInode } from './file-inode.js';
import type { SimulatedDisk } from './simulated-disk.js';
import { systemError } from './system-error.js';

/** What a process, or the simulator on its behalf, decides for its file system. */
export interface DiskHost {
  /** Runs the end of an asynchronous call later. */
  later(call: 'read' | 'sync' | 'syncDirectory', end: () => void): void;
  /** Throws when the process has ended and may not touch the disk any more. */
  assertAlive(): void;
  /** Told of each change, for a trace. */
  changed(call: DiskCall, path: string, bytes?: Uint8Array): void;
}

export class SimulatedFileSystem implements FileSystem {
  readonly #disk: SimulatedDisk;
  readonly #host: DiskHost;

  constructor(disk: SimulatedDisk, host: DiskHost) {
    this.#disk = disk;
    this.#host = host;
  }

  open(path: string, mode: OpenMode): File {
    this.#begin('open', path);
    const { tree } = this.#disk;
    const found = tree.lookup(path);
    if (found?.kind === 'directory') throw systemError('EISDIR', 'open', path);
    if (found !== undefined && mode === 'create') throw systemError('EEXIST', 'open', path);
    if (found === undefined && mode === 'read') throw systemError('ENOENT', 'open', path);
    if (found === undefined) this.#host.changed('open', path);
    const inode = found ?? tree.create(path);
    tree.opened(inode);
    return new SimulatedFile({ disk: this.#disk, host: this.#host, inode, path, isWritable: mode !== 'read' });
  }

  list(directory: string): string[] {
    this.#begin('list', directory);
    return [...this.#disk.tree.directory(directory, 'scandir').entries.keys()].sort();
  }

  stat(path: string): FileStat | undefined {
    this.#host.assertAlive();
    const inode = this.#disk.tree.lookup(path);
    if (inode === undefined) return undefined;
    return inode.kind === 'file'
      ? { sizeBytes: inode.sizeBytes, isDirectory: false }
      : { sizeBytes: 0, isDirectory: true };
  }

  makeDirectory(path: string): void {
    this.#begin('makeDirectory', path);
    this.#disk.tree.makeDirectory(path);
    this.#host.changed('makeDirectory', path);
  }

  rename(from: string, to: string): void {
    this.#begin('rename', from);
    this.#disk.tree.rename(from, to);
    this.#host.changed('rename', to);
  }

  removeFile(path: string): void {
    this.#begin('removeFile', path);
    this.#disk.tree.removeFile(path);
    this.#host.changed('removeFile', path);
  }

  removeDirectory(path: string): void {
    this.#begin('removeDirectory', path);
    this.#disk.tree.removeDirectory(path);
    this.#host.changed('removeDirectory', path);
  }

  syncDirectory(path: string): Promise<void> {
    const { tree, faults } = this.#disk;
    return endLater(this.#host, 'syncDirectory', () => {
      const directory = tree.directory(path, 'open');
      const covers = tree.sequence;
      return () => {
        faults.check('syncDirectory', path);
        tree.syncDirectory(directory, path, covers);
        this.#host.changed('syncDirectory', path);
      };
    });
  }

  lock(path: string): FileLock {
    this.#host.assertAlive();
    const { locks } = this.#disk;
    if (locks.has(path)) {
      throw new MillraceError(
        'DATA_DIRECTORY_LOCKED',
        `The data directory is in use by another simulated process (lock file ${path}). ` +
          'Stop that process, or give this node a data directory of its own.',
      );
    }
    this.open(path, 'write').close();
    locks.add(path);
    return {
      release: () => {
        if (!locks.delete(path)) return;
        this.removeFile(path);
      },
    };
  }

  freeBytes(path: string): number {
    this.#host.assertAlive();
    if (this.#disk.tree.lookup(path) === undefined) throw systemError('ENOENT', 'statfs', path);
    return Math.max(this.#disk.capacityBytes - this.#disk.tree.usedBytes, 0);
  }

  #begin(call: DiskCall, path: string): void {
    this.#host.assertAlive();
    this.#disk.faults.check(call, path);
  }
}

interface SimulatedFileOptions {
  readonly disk: SimulatedDisk;
  readonly host: DiskHost;
  readonly inode: FileInode;
  readonly path: string;
  readonly isWritable: boolean;
}

class SimulatedFile implements File {
  readonly #disk: SimulatedDisk;
  readonly #host: DiskHost;
  readonly #inode: FileInode;
  readonly #path: string;
  readonly #isWritable: boolean;
  #isClosed = false;

  constructor(options: SimulatedFileOptions) {
    this.#disk = options.disk;
    this.#host = options.host;
    this.#inode = options.inode;
    this.#path = options.path;
    this.#isWritable = options.isWritable;
  }

  sizeBytes(): number {
    this.#begin('fstat');
    return this.#inode.sizeBytes;
  }

  write(buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.#begin('write');
    const { tree, faults, capacityBytes, random } = this.#disk;
    if (!this.#isWritable) throw systemError('EBADF', 'write', this.#path);
    faults.check('write', this.#path);
    const growth = Math.max(position + length - this.#inode.sizeBytes, 0);
    const missing = Math.max(tree.usedBytes + growth - capacityBytes, 0);
    // As Linux does: what still fits is written and counted, and only the next call learns that the disk is full.
    if (missing >= length && length > 0) throw systemError('ENOSPC', 'write', this.#path);
    const written = faults.shorten(length - missing, random);
    const bytes = buffer.subarray(offset, offset + written);
    if (bytes.length !== written) throw new RangeError(`${written} bytes from ${offset} are not in the buffer`);
    if (written > 0) tree.write(this.#inode, this.#path, position, bytes);
    this.#host.changed('write', this.#path, bytes);
    return written;
  }

  readSync(buffer: Uint8Array, offset: number, length: number, position: number): number {
    this.#begin('read');
    this.#disk.faults.check('read', this.#path);
    return this.#copy(buffer, offset, length, position);
  }

  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<number> {
    return endLater(this.#host, 'read', () => {
      this.#begin('read');
      return () => {
        this.#disk.faults.check('read', this.#path);
        return this.#copy(buffer, offset, length, position);
      };
    });
  }

  sync(): Promise<void> {
    const { tree, faults, random } = this.#disk;
    return endLater(this.#host, 'sync', () => {
      this.#begin('fdatasync');
      const covers = tree.sequence;
      return () => {
        const error = faults.take('sync', this.#path);
        this.#host.changed('sync', this.#path);
        if (error === undefined) {
          tree.sync(this.#inode, this.#path, covers);
          return;
        }
        // Of a process that ends here the machine still has every page, to be written or lost later.
        if (faults.isFrozen) throw error;
        this.#inode.failSync(random);
        tree.recordFailedSync(this.#inode, this.#path);
        throw error;
      };
    });
  }

  truncate(sizeBytes: number): void {
    this.#begin('ftruncate');
    this.#disk.faults.check('truncate', this.#path);
    if (!this.#isWritable) throw systemError('EINVAL', 'ftruncate', this.#path);
    this.#disk.tree.truncate(this.#inode, this.#path, sizeBytes);
    this.#host.changed('truncate', this.#path);
  }

  close(): void {
    this.#begin('close');
    this.#isClosed = true;
    this.#disk.tree.closed(this.#inode);
  }

  #copy(buffer: Uint8Array, offset: number, length: number, position: number): number {
    const bytes = this.#inode.cached.subarray(position, position + length);
    buffer.set(bytes, offset);
    return bytes.length;
  }

  #begin(call: string): void {
    this.#host.assertAlive();
    if (this.#isClosed) throw systemError('EBADF', call, this.#path);
  }
}

/** Begins a call now and ends it when the host says so; an error of either half rejects. */
async function endLater<Result>(
  host: DiskHost,
  call: 'read' | 'sync' | 'syncDirectory',
  begin: () => () => Result,
): Promise<Result> {
  host.assertAlive();
  const end = begin();
  const outcome = completion<Result>();
  host.later(call, () => {
    try {
      outcome.resolve(end());
    } catch (error) {
      outcome.reject(error);
    }
  });
  return outcome.promise;
}
