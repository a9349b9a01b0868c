/** Records as JSON: bytes become text when they are valid UTF-8, else `{"base64": "..."}`. */
import { isUtf8 } from 'node:buffer';

export type JsonBytes = string | { readonly base64: string } | null;

export interface JsonRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: JsonBytes;
  readonly value: JsonBytes;
  readonly headers: Readonly<Record<string, JsonBytes>>;
}

interface StoredRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly (readonly [string, Uint8Array | string | null])[];
}

export function recordToJson({ offset, timestampMs, key, value, headers }: StoredRecord): JsonRecord {
  return {
    offset,
    timestamp: timestampMs,
    key: bytesToJson(key),
    value: bytesToJson(value),
    headers: Object.fromEntries(headers.map(([name, content]) => [name, bytesToJson(content)])),
  };
}

export function bytesToJson(bytes: Uint8Array | string | null): JsonBytes {
  if (bytes === null || typeof bytes === 'string') return bytes;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return isUtf8(view) ? view.toString('utf8') : { base64: view.toString('base64') };
}
