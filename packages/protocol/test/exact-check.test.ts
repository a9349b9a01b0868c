import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exactCheck } from '../src/exact-check.js';
import { apis } from '../src/index.js';
import { arbitraryMessage } from './arbitrary-messages.js';

const schemas = [...apis.values()].flatMap(({ name, request, response }) => [
  { what: `${name} request`, schema: request },
  { what: `${name} reply`, schema: response },
]);

/** Fields that may be absent, and a rule that is a function: these are left to the parser. */
const leftToTheParser = new Set(['Hello request', 'RaftMessage request']);

/** What a peer may send instead of any part of a message. */
const strange = fc.oneof(
  fc.constantFrom(undefined, null, true, '', 'x'.repeat(5000), -1, 0, 1.5, 2 ** 31, 2 ** 53, Number.NaN, Infinity),
  fc.constantFrom(new Uint8Array(3), [], {}, [null], { length: 0 }, 'AAAAAAAAAAAAAAAAAAAAAA\n', 10n),
  fc.anything(),
);

test.each(schemas)('what is taken as it stands is what the parser gives: $what', ({ what, schema }) => {
  const isExact = exactCheck(schema);
  const property = fc.property(arbitraryMessage<unknown>(schema), fc.nat(), strange, (drawn, place, part) => {
    // A plain object, as the decoder makes it.
    const message = structuredClone(drawn);
    if (!leftToTheParser.has(what)) expect(isExact(message)).toBe(true);
    const changed = structuredClone(message);
    change(changed, place, part);
    for (const value of [message, changed]) {
      if (isExact(value)) expect(schema.parse(value)).toStrictEqual(value);
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test('messages of the quorum are taken as they stand', () => {
  const raftMessage = schemas.find(({ what }) => what === 'RaftMessage request');
  const replica = { id: 1, directoryId: 'a' };
  const message = { type: 'vote', from: replica, to: replica, term: 3, isPreVote: true, isTransfer: false };
  const isExact = exactCheck(raftMessage!.schema);
  expect(isExact({ message: { ...message, end: 5, lastTerm: 2 } })).toBe(true);
  expect(isExact({ message: { ...message, end: 5, lastTerm: 2, more: 1 } })).toBe(false);
  expect(isExact({ message: { ...message, end: 5 } })).toBe(false);
  expect(isExact({ message: { ...message, type: 'veto', end: 5, lastTerm: 2 } })).toBe(false);
});

test('a field that no schema knows is left to the parser, which drops it', () => {
  for (const { schema } of schemas) {
    const [message] = fc.sample(arbitraryMessage<unknown>(schema), { numRuns: 1, seed: 7 });
    expect(exactCheck(schema)({ ...(message as object), 'not a field': 1 })).toBe(false);
  }
});

/** Puts the part in one place of the message: instead of a field or an item, or as a field more. */
function change(message: unknown, place: number, part: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const collect = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const holder = value as Record<string, unknown>;
    for (const key of Object.keys(holder)) places.push([holder, key]);
    if (!Array.isArray(value)) places.push([holder, 'another']);
    for (const inner of Object.values(holder)) collect(inner);
  };
  collect(message);
  const [holder, key] = places[place % Math.max(places.length, 1)] ?? [];
  if (holder !== undefined && key !== undefined) holder[key] = part;
}
