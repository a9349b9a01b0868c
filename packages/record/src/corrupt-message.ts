import { MillraceError } from '@millrace/base';

/** Bytes that are not what the format demands. The caller knows where they came from and adds that, if anyone can act on it. */
export function corruptMessage(what: string, cause?: unknown): MillraceError {
  return new MillraceError('CORRUPT_MESSAGE', `Corrupt record batch: ${what}`, { cause });
}
