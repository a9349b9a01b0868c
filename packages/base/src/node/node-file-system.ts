import {
  close,
  constants,
  fsync,
  mkdirSync,
  open,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import type { File, FileLock, FileStat, FileSystem, OpenMode } from '../environment/file-system.js';
import { errorCode } from '../errors.js';
import { lockFile } from './file-lock.js';
import { NodeFile } from './node-file.js';
import { systemError } from './system-error.js';

const flags = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const satisfies Record<OpenMode, number>;

/** Files of the operating system. Errors are the system's own, with its code. */
export class NodeFileSystem implements FileSystem {
  open(path: string, mode: OpenMode): File {
    return new NodeFile(path, openSync(path, flags[mode], 0o644));
  }

  list(directory: string): string[] {
    return readdirSync(directory).sort();
  }

  stat(path: string): FileStat | undefined {
    try {
      const stats = statSync(path, { throwIfNoEntry: false });
      return stats === undefined ? undefined : { sizeBytes: stats.size, isDirectory: stats.isDirectory() };
    } catch (error) {
      // A file where a directory was meant: there is nothing at this path either.
      if (errorCode(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  makeDirectory(path: string): void {
    try {
      mkdirSync(path);
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || this.stat(path)?.isDirectory !== true) throw error;
    }
  }

  rename(from: string, to: string): void {
    renameSync(from, to);
  }

  removeFile(path: string): void {
    unlinkSync(path);
  }

  removeDirectory(path: string): void {
    const stats = statSync(path);
    // rmSync would remove a file as well.
    if (!stats.isDirectory()) throw systemError('ENOTDIR', `not a directory, rmdir '${path}'`);
    rmSync(path, { recursive: true });
  }

  syncDirectory(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      open(path, constants.O_RDONLY | constants.O_DIRECTORY, (openError, descriptor) => {
        if (openError !== null) {
          reject(openError);
          return;
        }
        fsync(descriptor, (syncError) => {
          close(descriptor, (closeError = null) => {
            const error = syncError ?? closeError;
            if (error === null) resolve();
            else reject(error);
          });
        });
      });
    });
  }

  lock(path: string): FileLock {
    return lockFile(path);
  }

  freeBytes(path: string): number {
    const stats = statfsSync(path);
    return stats.bavail * stats.bsize;
  }
}
