import { errorCode, errorMessage } from '@millrace/base';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  decodeRequest,
  encodeRequest,
  maxRequestBodyBytes,
  packRaftMessage,
  raftMessageApi,
  unpackRaftMessage,
  type RaftMessageParts,
  type RaftMessageRequest,
} from '../src/index.js';
import { arbitraryMessage } from './arbitrary-messages.js';
import { thrown } from './thrown.js';

type Append = Extract<RaftMessageParts, { type: 'append' }>;
type Snapshot = Extract<RaftMessageParts, { type: 'snapshot' }>;

const address = { from: { id: 1, directoryId: 'one' }, to: { id: 2, directoryId: 'two' }, term: 3 };

const append: Append = {
  type: 'append',
  ...address,
  previousPosition: 10,
  previousTerm: 2,
  entries: [
    { position: 10, term: 2, kind: 'records', records: [Buffer.from('ab'), Buffer.from(''), Buffer.from('c')] },
    { position: 13, term: 3, kind: 'term', records: [Buffer.from('')] },
    { position: 14, term: 3, kind: 'records', records: [Buffer.from('def')] },
  ],
  commit: 9,
  round: 1,
};

const snapshot: Snapshot = {
  type: 'snapshot',
  ...address,
  snapshot: { position: 7, term: 1, membership: { voters: [address.from, address.to] }, sizeBytes: 9 },
  offset: 3,
  chunk: Buffer.from('chunk'),
  round: 1,
};

/** Through bytes, as a peer gets it. */
function travel(message: RaftMessageParts): RaftMessageParts {
  const { body, payload } = packRaftMessage(message);
  const bytes = Buffer.concat(payload);
  const received = decodeRequest(raftMessageApi, 0, encodeRequest(raftMessageApi, 0, body), bytes.length);
  return unpackRaftMessage(received, bytes);
}

/** Fills what the wire form of a message only measures. */
function withBytes(message: RaftMessageRequest['message'], fill: number): RaftMessageParts {
  if (message.type === 'append') {
    let position = Math.min(message.previousPosition, 2 ** 52);
    const start = position;
    const entries = message.entries.map(({ term, kind, recordBytes }) => {
      const records = recordBytes.map((bytes) => Buffer.alloc(bytes % 50, fill));
      position += records.length;
      return { position: position - records.length, term, kind, records };
    });
    return { ...message, previousPosition: start, entries };
  }
  if (message.type === 'snapshot') {
    const { chunkBytes, ...rest } = message;
    return { ...rest, chunk: Buffer.alloc(chunkBytes % 50, fill) };
  }
  return message;
}

test('every message arrives as it was sent', () => {
  fc.assert(
    fc.property(arbitraryMessage(raftMessageApi.request), fc.nat(255), ({ message }, fill) => {
      const parts = withBytes(message, fill);
      expect(travel(parts)).toEqual(parts);
    }),
  );
});

test('entries keep their records and get their positions from the first one', () => {
  expect(travel(append)).toEqual(append);
  expect(travel(snapshot)).toEqual(snapshot);
});

test('packing copies nothing, and unpacking gives views', () => {
  expect(packRaftMessage(snapshot).payload[0]).toBe(snapshot.chunk);
  expect(packRaftMessage(append).payload[0]).toBe(append.entries[0]?.records[0]);
  const payload = Buffer.from('abcdef');
  const unpacked = unpackRaftMessage(packRaftMessage(append).body, payload) as Append;
  expect(unpacked.entries[0]?.records[0]?.buffer).toBe(payload.buffer);
});

test('lengths that do not add up to the payload are refused', () => {
  for (const message of [append, snapshot, { type: 'campaign', ...address } as const]) {
    const { body, payload } = packRaftMessage(message);
    const bytes = Buffer.concat(payload);
    const wrong = [Buffer.concat([bytes, Buffer.of(0)])];
    if (bytes.length > 0) wrong.push(bytes.subarray(1));
    for (const other of wrong) {
      expect(errorCode(thrown(() => unpackRaftMessage(body, other)))).toBe('INVALID_REQUEST');
    }
  }
});

test('entries that would end after the last possible position are refused', () => {
  const { body, payload } = packRaftMessage({ ...append, previousPosition: Number.MAX_SAFE_INTEGER - 1 });
  expect(errorCode(thrown(() => unpackRaftMessage(body, Buffer.concat(payload))))).toBe('INVALID_REQUEST');
});

test.each([
  ['a sender without a directory', { ...append, from: { id: 1, directoryId: '' } }, 'message.from.directoryId'],
  ['an unknown kind of message', { ...append, type: 'anything' }, 'message.type'],
  ['an entry without records', { ...append, entries: [{ term: 1, kind: 'records', recordBytes: [] }] }, 'recordBytes'],
  ['a negative position', { ...append, entries: [], previousPosition: -1 }, 'previousPosition'],
])('%s is refused', (_, message, path) => {
  const body = encodeRequest(raftMessageApi, 0, { message } as never);
  expect(errorMessage(thrown(() => decodeRequest(raftMessageApi, 0, body)))).toContain(path);
});

test('a membership that has a node twice is refused', () => {
  const voters = [address.from, { ...address.from, directoryId: 'other' }];
  const { body } = packRaftMessage({ ...snapshot, snapshot: { ...snapshot.snapshot, membership: { voters } } });
  const error = thrown(() => decodeRequest(raftMessageApi, 0, encodeRequest(raftMessageApi, 0, body)));
  expect(errorMessage(error)).toContain('voters: has a node twice');
});

/** As the raft package counts: an entry takes 64 bytes and its records 8 each, in messages of a mebibyte at most. */
test.each([
  ['as many entries as possible', 14_563, 1],
  ['as many records in one entry as possible', 1, 131_064],
])('a message of %s passes all limits', (_, entryCount, recordCount) => {
  const records = Array.from({ length: recordCount }, () => new Uint8Array());
  const entries = Array.from({ length: entryCount }, (__, index) => ({
    position: 2 ** 40 + index * recordCount,
    term: 2 ** 40,
    kind: 'records' as const,
    records,
  }));
  const message = { ...append, previousPosition: 2 ** 40, entries };
  expect(encodeRequest(raftMessageApi, 0, packRaftMessage(message).body).length).toBeLessThan(maxRequestBodyBytes);
  const received = travel(message) as Append;
  expect(received.entries.length).toBe(entryCount);
  expect(received.entries.at(-1)?.position).toBe(entries.at(-1)?.position);
});
