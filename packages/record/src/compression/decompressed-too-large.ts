import { MillraceError } from '@millrace/base';

/** A batch that would grow past the reader's limit: a bomb, or a limit set too low for honest data. */
export function decompressedTooLarge(compression: string, maxBytes: number): MillraceError {
  return new MillraceError(
    'DECOMPRESSED_TOO_LARGE',
    `A ${compression} batch decompresses to more than ${maxBytes} bytes: raise the reader's limit of decompressed bytes if the data is trusted`,
  );
}
