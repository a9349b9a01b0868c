/**
 * Messages of the quorum as the body and the payload of the `RaftMessage` API. Records and chunks travel in the payload, in
 * order; the body has their lengths. Positions of entries follow from one another and are not sent.
 */
import { MillraceError } from '@millrace/base';
import type { RaftMessageRequest } from '@millrace/protocol';
import type { RaftEntry, RaftMessage } from '@millrace/raft';

export interface EncodedRaftMessage {
  readonly body: RaftMessageRequest;
  readonly payload: readonly Uint8Array[];
}

export function encodeRaftMessage(message: RaftMessage): EncodedRaftMessage {
  switch (message.type) {
    case 'append': {
      const { entries, ...rest } = message;
      const heads = entries.map(({ term, kind, records }) => ({
        term,
        kind,
        recordBytes: records.map((record) => record.length),
      }));
      return { body: { message: { ...rest, entries: heads } }, payload: entries.flatMap(({ records }) => records) };
    }
    case 'snapshot': {
      const { chunk, ...rest } = message;
      return { body: { message: { ...rest, chunkBytes: chunk.length } }, payload: [chunk] };
    }
    default:
      return { body: { message }, payload: [] };
  }
}

/**
 * `body` has passed its schema. The bytes of the message are copies: the payload is the connection's memory. Throws
 * `CORRUPT_MESSAGE` when the lengths do not add up.
 */
export function decodeRaftMessage({ message }: RaftMessageRequest, payload: Uint8Array): RaftMessage {
  switch (message.type) {
    case 'append': {
      const { entries: heads, ...rest } = message;
      const bytes = Buffer.from(payload);
      const entries: RaftEntry[] = [];
      let position = rest.previousPosition;
      let at = 0;
      for (const { term, kind, recordBytes } of heads) {
        const records: Uint8Array[] = [];
        for (const length of recordBytes) {
          records.push(bytes.subarray(at, at + length));
          at += length;
        }
        entries.push({ position, term, kind, records });
        position += records.length;
      }
      requireLength(at, bytes.length);
      return { ...rest, entries };
    }
    case 'snapshot': {
      const { chunkBytes, ...rest } = message;
      requireLength(chunkBytes, payload.length);
      return { ...rest, chunk: Buffer.from(payload) };
    }
    default:
      requireLength(0, payload.length);
      return message;
  }
}

function requireLength(named: number, found: number): void {
  if (named === found) return;
  throw new MillraceError('CORRUPT_MESSAGE', `A Raft message names ${named} bytes and comes with ${found}.`);
}
