/** What a load is made of: values prepared before the clock starts, used in turn. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { errorMessage, MillraceError } from '@millrace/base';

/** Enough different values that compression sees a stream, few enough to stay in the cache. */
const distinctValues = 1024;

export type PayloadKind = 'random' | 'json' | { readonly file: string };

export function makePayload(kind: PayloadKind, recordBytes: number): readonly Buffer[] {
  if (kind === 'random') return Array.from({ length: distinctValues }, () => randomBytes(recordBytes));
  if (kind === 'json') return Array.from({ length: distinctValues }, (_, index) => jsonValue(index, recordBytes));
  return fileValues(kind.file);
}

/** An event as services send them, padded to the wanted size. */
function jsonValue(index: number, bytes: number): Buffer {
  const event = {
    id: index,
    user: `user-${index % 97}`,
    type: 'page-view',
    path: `/articles/${index % 31}`,
    durationMs: (index * 37) % 5000,
    note: '',
  };
  const missing = bytes - Buffer.byteLength(JSON.stringify(event));
  event.note = 'lorem ipsum dolor '.repeat(Math.ceil(Math.max(0, missing) / 18)).slice(0, Math.max(0, missing));
  return Buffer.from(JSON.stringify(event));
}

function fileValues(file: string): readonly Buffer[] {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const why = errorMessage(error);
    throw new MillraceError('INVALID_REQUEST', `The payload file ${file} cannot be read: ${why}`, { cause: error });
  }
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length === 0)
    throw new MillraceError('INVALID_REQUEST', `The payload file ${file} has no lines: each is a value`);
  return lines.map((line) => Buffer.from(line));
}
