/** What keys and values may be, for programs without types. */
import { MillraceError } from '@millrace/base';
import type { Bytes } from './producer-record.js';

export function isBytes(field: unknown): field is Bytes {
  return typeof field === 'string' || field === null || field instanceof Uint8Array;
}

export function notBytes(topic: string, what: 'key' | 'value'): MillraceError {
  return new MillraceError(
    'INVALID_RECORD',
    `The ${what} of a record for ${topic} is no string, Uint8Array or null: convert it, or give the producer a serializer.`,
  );
}

/** What a serializer, a partitioner or a bound on size has thrown. */
export function asPreparationError(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new MillraceError('INVALID_RECORD', `A record could not be prepared: ${message}`, { cause: error });
}
