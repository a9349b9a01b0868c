/** Turns a JSON line of standard input into a record, or into its key; an error says which line and field is wrong. */
import { MillraceError } from '@millrace/base';
import { z } from 'zod';

export interface InputRecord {
  readonly key: string | null;
  readonly value: string | null;
  readonly headers?: readonly (readonly [string, string | null])[];
  readonly partition?: number;
  readonly timestampMs?: number;
}

/**
 * Strings go as they are; any other JSON value goes as its JSON text; null is a null. What came out of `JSON.parse` is JSON:
 * looking through it again would copy it, and lose a field named `__proto__`.
 */
const content = z
  .unknown()
  .transform((value) => (value === null || typeof value === 'string' ? value : JSON.stringify(value)));

/** Entries, not an object made anew, for the same reason. */
const headers = z.unknown().transform((value, context): [string, string | null][] => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    context.addIssue({ code: 'custom', message: 'Invalid input: expected an object of strings and nulls' });
    return z.NEVER;
  }
  return Object.entries(value).map(([name, text]: [string, unknown]) => {
    if (text === null || typeof text === 'string') return [name, text];
    context.addIssue({ code: 'custom', message: 'Invalid input: expected a string or null', path: [name] });
    return z.NEVER;
  });
});

const inputRecord = z.strictObject({
  key: content.optional().default(null),
  value: content.optional().default(null),
  headers: headers.optional(),
  partition: z.int().min(0).optional(),
  timestamp: z
    .union([z.int().min(0), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))])
    .optional(),
  // What `consume --format json` adds; where the record came from does not decide where it goes.
  topic: z.string().optional(),
  offset: z.int().optional(),
});

export function recordFromJson(line: Buffer, lineNumber: number): InputRecord {
  const parsed = inputRecord.safeParse(parse(line, lineNumber));
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue === undefined || issue.path.length === 0 ? '' : ` in ${issue.path.join('.')}`;
    throw invalid(lineNumber, `${issue?.message ?? 'wrong shape'}${field}`);
  }
  const { key, value, partition, timestamp } = parsed.data;
  return {
    key,
    value,
    ...(parsed.data.headers === undefined ? {} : { headers: parsed.data.headers }),
    ...(partition === undefined ? {} : { partition }),
    ...(timestamp === undefined ? {} : { timestampMs: timestamp }),
  };
}

/** The key that a field of a JSON line holds. */
export function keyFromJsonField(line: Buffer, field: string, lineNumber: number): string | null {
  const value = parse(line, lineNumber);
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, field))
    throw invalid(lineNumber, `no field ${JSON.stringify(field)}, which --key-field names`);
  const key = (value as Record<string, unknown>)[field];
  return key === null || typeof key === 'string' ? key : JSON.stringify(key);
}

function parse(line: Buffer, lineNumber: number): unknown {
  try {
    return JSON.parse(line.toString('utf8'));
  } catch (error) {
    throw new MillraceError('INVALID_RECORD', `Line ${lineNumber} is not JSON: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function invalid(lineNumber: number, what: string): MillraceError {
  return new MillraceError('INVALID_RECORD', `Line ${lineNumber}: ${what}`);
}
