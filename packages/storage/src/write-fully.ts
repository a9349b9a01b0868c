import { MillraceError, type File } from '@millrace/base';

/**
 * Writes all of the bytes or throws.
 *
 * A short write is not an error to the system: on a full disk the first call takes what fits and only the next call
 * throws `ENOSPC`, so the rest is offered again until it is taken or the reason is known. What was written before the
 * throw stays in the file: the caller cuts it off.
 */
export function writeFully(file: File, bytes: Uint8Array, offset: number, length: number, position: number): void {
  let written = 0;
  while (written < length) {
    const count = file.write(bytes, offset + written, length - written, position + written);
    if (count === 0) {
      throw new MillraceError(
        'KAFKA_STORAGE_ERROR',
        `a write took none of ${length - written} bytes and gave no reason`,
      );
    }
    written += count;
  }
}
