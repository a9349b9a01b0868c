/** The typed errors of a log, so that each is worded once. */
import { errorCode, errorMessage, MillraceError } from '@millrace/base';

/** Bytes that are not what was written, in a place that was known to be good. */
export function corruptLog(path: string, position: number, what: string): MillraceError {
  return new MillraceError(
    'CORRUPT_LOG',
    `${path} is damaged at byte ${position}: ${what}. Nothing was cut off; restore the file from a replica or a backup`,
  );
}

/** The log does not work any more until the node starts again. */
export function storageFailed(directory: string, reason: unknown): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `The log in ${directory} is offline: ${errorMessage(reason)}`, {
    cause: reason,
  });
}

/**
 * Whatever the system's code is, not even that of a full disk means that it may be tried again: the kernel may have dropped
 * what it could not write, and the next sync would find nothing to do.
 */
export function syncFailed(path: string, cause: unknown): MillraceError {
  return new MillraceError('KAFKA_STORAGE_ERROR', `Syncing ${path} failed: ${errorMessage(cause)}`, { cause });
}

export function diskFull(directory: string, cause: unknown): MillraceError {
  return new MillraceError(
    'LOG_DISK_FULL',
    `The disk of ${directory} is full (${errorMessage(cause)}): nothing was changed. ` +
      'Free space, or shorten the retention of a topic; appends go on by themselves then',
    { retriable: true, cause },
  );
}

export function outOfHandles(directory: string, cause: unknown): MillraceError {
  return new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `No file handle is left for the log in ${directory}: raise the limit of open files (ulimit -n)`,
    { retriable: true, cause },
  );
}

export function offsetOutOfRange(
  directory: string,
  offset: number,
  startOffset: number,
  endOffset: number,
): MillraceError {
  return new MillraceError(
    'OFFSET_OUT_OF_RANGE',
    `Offset ${offset} is not in the log in ${directory}, which goes from ${startOffset} to ${endOffset}`,
  );
}

/** No room for the bytes: the system's own code, or ours when it was noticed before. */
export function isDiskFull(error: unknown): boolean {
  return diskFullCodes.has(errorCode(error));
}

/** No handle for the file: nothing was done to it. */
export function isOutOfHandles(error: unknown): boolean {
  return outOfHandlesCodes.has(errorCode(error));
}

const diskFullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'LOG_DISK_FULL']);
const outOfHandlesCodes = new Set(['EMFILE', 'ENFILE']);
