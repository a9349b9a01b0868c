/** File systems with a bug between them and the node: what a node would do if it made the mistake itself. */
import type { Environment, File, FileSystem } from '@millrace/base';

export interface FileChanges {
  /** Only files of which this holds. */
  readonly isMeant: (path: string) => boolean;
  readonly sync?: (file: File) => Promise<void>;
  readonly truncate?: (file: File, sizeBytes: number) => void;
  /** Given what the file system wrote, what the caller is told. */
  readonly written?: (written: number, asked: number) => number;
  readonly syncDirectory?: (files: FileSystem, path: string) => Promise<void>;
}

export function withFaultyFiles(environment: Environment, changes: FileChanges): Environment {
  return { ...environment, files: faultyFiles(environment.files, changes) };
}

function faultyFiles(files: FileSystem, changes: FileChanges): FileSystem {
  return {
    open: (path, mode) => {
      const file = files.open(path, mode);
      return changes.isMeant(path) ? faultyFile(file, changes) : file;
    },
    list: (directory) => files.list(directory),
    stat: (path) => files.stat(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    removeFile: (path) => files.removeFile(path),
    removeDirectory: (path) => files.removeDirectory(path),
    syncDirectory: (path) => changes.syncDirectory?.(files, path) ?? files.syncDirectory(path),
    lock: (path) => files.lock(path),
    freeBytes: (path) => files.freeBytes(path),
  };
}

function faultyFile(file: File, changes: FileChanges): File {
  return {
    sizeBytes: () => file.sizeBytes(),
    write: (buffer, offset, length, position) => {
      const written = file.write(buffer, offset, length, position);
      return changes.written?.(written, length) ?? written;
    },
    readSync: (buffer, offset, length, position) => file.readSync(buffer, offset, length, position),
    read: (buffer, offset, length, position) => file.read(buffer, offset, length, position),
    sync: () => changes.sync?.(file) ?? file.sync(),
    truncate: (sizeBytes) => {
      if (changes.truncate === undefined) file.truncate(sizeBytes);
      else changes.truncate(file, sizeBytes);
    },
    close: () => file.close(),
  };
}
