/**
 * Raft messages between their form in memory, where entries and chunks hold bytes, and the wire, where the body names lengths
 * and the payload has the bytes. The form in memory is that of the raft package, by shape: neither package knows the
 * other.
 */
import type { RaftMessageRequest } from './apis/1100-raft-message.js';
import { splitPayload } from './codec.js';
import { protocolError } from './protocol-error.js';

type WireMessage = RaftMessageRequest['message'];
type WireAppend = Extract<WireMessage, { readonly type: 'append' }>;
type WireSnapshot = Extract<WireMessage, { readonly type: 'snapshot' }>;

export interface RaftEntryParts {
  readonly position: number;
  readonly term: number;
  readonly kind: WireAppend['entries'][number]['kind'];
  readonly records: readonly Uint8Array[];
}

/** A message that holds its bytes. */
export type RaftMessageParts =
  | Exclude<WireMessage, WireAppend | WireSnapshot>
  | (Omit<WireAppend, 'entries'> & { readonly entries: readonly RaftEntryParts[] })
  | (Omit<WireSnapshot, 'chunkBytes'> & { readonly chunk: Uint8Array });

/** Copies no bytes: the payload is the message's own records or chunk. */
export function packRaftMessage(message: RaftMessageParts): {
  readonly body: RaftMessageRequest;
  readonly payload: readonly Uint8Array[];
} {
  if (message.type === 'append') {
    const entries = message.entries.map(({ term, kind, records }) => ({
      term,
      kind,
      recordBytes: records.map(({ length }) => length),
    }));
    return { body: { message: { ...message, entries } }, payload: message.entries.flatMap(({ records }) => records) };
  }
  if (message.type === 'snapshot') {
    const { chunk, ...rest } = message;
    return { body: { message: { ...rest, chunkBytes: chunk.length } }, payload: [chunk] };
  }
  return { body: { message }, payload: [] };
}

/**
 * The bytes are views of the payload: take it over before, where the message outlives the frame. Throws INVALID_REQUEST
 * when lengths and payload disagree.
 */
export function unpackRaftMessage({ message }: RaftMessageRequest, payload: Uint8Array): RaftMessageParts {
  if (message.type === 'append') return { ...message, entries: unpackEntries(message, payload) };
  if (message.type === 'snapshot') {
    const { chunkBytes, ...rest } = message;
    splitPayload([{ bytes: chunkBytes }], payload);
    return { ...rest, chunk: payload };
  }
  splitPayload([], payload);
  return message;
}

function unpackEntries(message: WireAppend, payload: Uint8Array): RaftEntryParts[] {
  const lengths = message.entries.flatMap(({ recordBytes }) => recordBytes.map((bytes) => ({ bytes })));
  const records = splitPayload(lengths, payload);
  if (message.previousPosition + records.length > Number.MAX_SAFE_INTEGER) {
    throw protocolError('INVALID_REQUEST', 'The entries of a Raft message end after the last possible position.');
  }
  let taken = 0;
  return message.entries.map(({ term, kind, recordBytes }) => {
    const start = taken;
    taken += recordBytes.length;
    return { position: message.previousPosition + start, term, kind, records: records.slice(start, taken) };
  });
}
