/**
 * Small files that are replaced as a whole: checkpoints, properties, snapshots.
 *
 *     write `<path>.tmp`  ->  sync it  ->  rename over `<path>`  ->  sync the directory
 *
 * After a crash the file holds the old or the new content, never a mixture; once the promise has resolved, the new.
 * A `.tmp` left by a crash means nothing and is overwritten by the next write. One write per path at a time.
 */
import { errorMessage, MillraceError, type FileSystem } from '@millrace/base';
import { writeFully } from './write-fully.js';

export const temporarySuffix = '.tmp';

export async function writeFileAtomically(files: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = path + temporarySuffix;
  try {
    const file = files.open(temporary, 'write');
    try {
      file.truncate(0);
      writeFully(file, bytes, 0, bytes.length, 0);
      await file.sync();
    } finally {
      file.close();
    }
  } catch (error) {
    removeLeftover(files, temporary, error);
    throw error;
  }
  files.rename(temporary, path);
  await files.syncDirectory(directoryOf(path));
}

/**
 * The content of a small file; undefined when there is none. No more than `maxBytes` are read: a file larger than its
 * kind can be is not ours, and its head does not decode as a whole one.
 */
export function readSmallFile(files: FileSystem, path: string, maxBytes: number): Buffer | undefined {
  const stat = files.stat(path);
  if (stat === undefined) return undefined;
  const file = files.open(path, 'read');
  try {
    const bytes = Buffer.alloc(Math.min(stat.sizeBytes, maxBytes));
    let length = 0;
    while (length < bytes.length) {
      const count = file.readSync(bytes, length, bytes.length - length, length);
      if (count === 0) break;
      length += count;
    }
    return bytes.subarray(0, length);
  } finally {
    file.close();
  }
}

function removeLeftover(files: FileSystem, temporary: string, cause: unknown): void {
  try {
    if (files.stat(temporary) !== undefined) files.removeFile(temporary);
  } catch (error) {
    throw new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `${temporary} could neither be written (${errorMessage(cause)}) nor removed (${errorMessage(error)})`,
      { cause },
    );
  }
}

function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/');
  if (slash < 0) return '.';
  return slash === 0 ? '/' : path.slice(0, slash);
}
