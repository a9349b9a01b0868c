import { decodeRaftMessage, encodeRaftMessage } from '@millrace/controller';
import { raftMessageApi } from '@millrace/protocol';
import type { RaftEntry, RaftMessage } from '@millrace/raft';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const address = { from: { id: 1, directoryId: 'a' }, to: { id: 2, directoryId: 'b' }, term: 7 };

const entries = fc
  .array(
    fc.record({
      term: fc.nat(9),
      kind: fc.constantFrom('records' as const, 'term' as const, 'membership' as const),
      records: fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 4 }),
    }),
    { maxLength: 5 },
  )
  .chain((list) => fc.tuple(fc.nat(1000), fc.constant(list)))
  .map(([start, list]) => {
    let position = start;
    const result: RaftEntry[] = [];
    for (const one of list) {
      result.push({ ...one, position });
      position += one.records.length;
    }
    return { previousPosition: start, entries: result };
  });

function throughWire(message: RaftMessage): RaftMessage {
  const { body, payload } = encodeRaftMessage(message);
  return decodeRaftMessage(raftMessageApi.request.parse(body), Buffer.concat(payload));
}

/** Bytes of either kind compare as the same. */
function plain(message: RaftMessage): unknown {
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  if (message.type === 'snapshot') return { ...message, chunk: hex(message.chunk) };
  if (message.type !== 'append') return message;
  return { ...message, entries: message.entries.map((entry) => ({ ...entry, records: entry.records.map(hex) })) };
}

test('property: entries come back at their positions, with their bytes', () => {
  fc.assert(
    fc.property(entries, (some) => {
      const message: RaftMessage = { type: 'append', ...address, previousTerm: 3, commit: 2, round: 5, ...some };
      expect(plain(throughWire(message))).toEqual(plain(message));
    }),
  );
});

test('a piece of a snapshot comes back, and its bytes are a copy', () => {
  const snapshot = { position: 9, term: 2, membership: { voters: [address.from] }, sizeBytes: 100 };
  const chunk = Buffer.from('piece');
  const message: RaftMessage = { type: 'snapshot', ...address, snapshot, offset: 10, chunk, round: 5 };
  const { body, payload } = encodeRaftMessage(message);
  const bytes = Buffer.concat(payload);
  const decoded = decodeRaftMessage(body, bytes);
  bytes.fill(0);
  expect(plain(decoded)).toEqual(plain(message));
});

test('lengths that do not add up are refused', () => {
  const message: RaftMessage = {
    type: 'append',
    ...address,
    previousPosition: 0,
    previousTerm: 0,
    entries: [{ position: 0, term: 1, kind: 'records', records: [Buffer.from('record')] }],
    commit: 0,
    round: 0,
  };
  const { body, payload } = encodeRaftMessage(message);
  const bytes = Buffer.concat(payload);
  for (const wrong of [bytes.subarray(1), Buffer.concat([bytes, bytes])]) {
    expect(() => decodeRaftMessage(body, wrong)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
  }
  const follow = encodeRaftMessage({ type: 'campaign', ...address });
  expect(() => decodeRaftMessage(follow.body, bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
});
