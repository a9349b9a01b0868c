import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PersistentMap } from '../src/persistent-map.js';

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'c', '', 'orders', '😀'),
  fc.string({ maxLength: 3 }),
  fc.nat(80).map(String),
);
const change = fc.record({ key, value: fc.option(fc.nat(5), { nil: undefined }) });

test('property: it is a map, and every earlier version of it stays as it was', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 150, size: 'max' }), (changes) => {
      const versions = [{ map: PersistentMap.empty<number>(), model: new Map<string, number>() }];
      for (const { key, value } of changes) {
        const last = versions.at(-1);
        if (last === undefined) throw new Error('there is a version');
        const model = new Map(last.model);
        if (value === undefined) model.delete(key);
        else model.set(key, value);
        versions.push({ map: value === undefined ? last.map.without(key) : last.map.with(key, value), model });
      }
      for (const { map, model } of versions) {
        expect(map.size).toBe(model.size);
        for (const [key, value] of model) expect(map.get(key)).toBe(value);
        expect(new Map(map.entries())).toEqual(model);
        expect([...map.keys()].every((one) => map.has(one))).toBe(true);
        expect(map.has('not there')).toBe(false);
        expect([...map.values()].sort()).toEqual([...model.values()].sort());
      }
    }),
  );
});

test('property: the changes between two versions are those that a comparison of all keys finds', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 100, size: 'max' }),
      fc.array(change, { maxLength: 100, size: 'max' }),
      (first, second) => {
        const build = (start: PersistentMap<number>, changes: typeof first): PersistentMap<number> =>
          changes.reduce(
            (map, { key, value }) => (value === undefined ? map.without(key) : map.with(key, value)),
            start,
          );
        const before = build(PersistentMap.empty<number>(), first);
        const after = build(before, second);
        const keys = [...new Set([...first, ...second].map((one) => one.key))];
        const expected = keys
          .map((one) => ({ before: before.get(one), after: after.get(one) }))
          .filter((one) => one.before !== one.after);
        const text = (change: object): string => JSON.stringify(change);
        expect([...after.changesSince(before)].map(text).sort()).toEqual(expected.map(text).sort());
      },
    ),
  );
});

test('keys that meet in one place down to the last bit are kept apart', () => {
  // Two texts of one FNV-1a hash, and more of them by what follows: equal states go on equally.
  const keys = ['costarring', 'liquid'].flatMap((text) => ['', 'a', 'b', 'c', 'd', 'e'].map((end) => text + end));
  let map = PersistentMap.empty<string>();
  for (const key of keys) map = map.with(key, key);
  expect(map.size).toBe(keys.length);
  for (const key of keys) expect(map.get(key)).toBe(key);
  for (const key of keys) map = map.without(key);
  expect([...map.entries()]).toEqual([]);
});
