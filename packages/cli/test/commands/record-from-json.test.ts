import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyFromJsonField, recordFromJson } from '../../src/commands/record-from-json.js';

const parse = (value: unknown, line = 1) => recordFromJson(Buffer.from(JSON.stringify(value)), line);

test('strings go as they are, other values as their JSON text, null stays null', () => {
  expect(parse({ key: 'k', value: 'v' })).toEqual({ key: 'k', value: 'v' });
  expect(parse({ key: 7, value: { a: [1, null] } })).toEqual({ key: '7', value: '{"a":[1,null]}' });
  expect(parse({ value: null })).toEqual({ key: null, value: null });
});

test('any JSON value survives as text that parses back to it', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const record = parse({ value });
      if (value === null) expect(record.value).toBeNull();
      else if (typeof value === 'string') expect(record.value).toBe(value);
      else expect(JSON.parse(record.value ?? '')).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('a field named __proto__ is a field like any other', () => {
  const line = Buffer.from('{"value":{"__proto__":{"a":1}},"headers":{"__proto__":"h"}}');
  expect(recordFromJson(line, 1)).toMatchObject({ value: '{"__proto__":{"a":1}}', headers: [['__proto__', 'h']] });
});

test('partition, headers and timestamp are taken over; times may be numbers or ISO 8601', () => {
  expect(parse({ value: 'v', partition: 2, headers: { a: '1', b: null }, timestamp: 5 })).toEqual({
    key: null,
    value: 'v',
    partition: 2,
    headers: [
      ['a', '1'],
      ['b', null],
    ],
    timestampMs: 5,
  });
  expect(parse({ value: 'v', timestamp: '2001-01-01T00:00:00Z' }).timestampMs).toBe(978307200000);
});

test('what consume prints as JSON is accepted by produce', () => {
  const consumed = { topic: 't', partition: 0, offset: 9, timestamp: 5, key: null, value: 'v', headers: {} };
  expect(parse(consumed)).toEqual({ key: null, value: 'v', partition: 0, headers: [], timestampMs: 5 });
});

test('an error names the line and the field', () => {
  expect(() => parse({ value: 'v', partition: -1 }, 7)).toThrow(/^Line 7: .*in partition$/);
  expect(() => parse({ valu: 'v' }, 3)).toThrow(/^Line 3: .*valu/);
  expect(() => recordFromJson(Buffer.from('{'), 4)).toThrow(/^Line 4 is not JSON/);
});

test('the key is taken from a field, and a line without it is refused', () => {
  const line = Buffer.from('{"user":"ada","n":1,"none":null}');
  expect(keyFromJsonField(line, 'user', 1)).toBe('ada');
  expect(keyFromJsonField(line, 'n', 1)).toBe('1');
  expect(keyFromJsonField(line, 'none', 1)).toBeNull();
  expect(() => keyFromJsonField(line, 'toString', 2)).toThrow(/Line 2: no field "toString"/);
});
