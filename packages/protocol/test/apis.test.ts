import { expect, test } from 'vitest';
import { z } from 'zod';
import { apis } from '../src/index.js';

const all = [...apis.values()];

test('keys and names are unique and in order of the keys', () => {
  expect(all.map(({ key }) => key)).toEqual([...new Set(all.map(({ key }) => key))].sort((a, b) => a - b));
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

test('versions have no gaps and each says why it is there', () => {
  for (const { versions, minVersion, maxVersion } of all) {
    expect(versions.map(({ version }) => version)).toEqual(versions.map((_, index) => minVersion + index));
    expect(versions.at(-1)?.version).toBe(maxVersion);
    for (const { why } of versions) expect(why).toMatch(/\w+/);
  }
});

/** Every schema below a field, with its path. */
function* walk(schema: z.core.$ZodType, path: string): Generator<{ path: string; schema: z.core.$ZodType }> {
  yield { path, schema };
  if (schema instanceof z.ZodObject) {
    for (const [key, field] of Object.entries<z.core.$ZodType>(schema.shape)) yield* walk(field, `${path}.${key}`);
  }
  if (schema instanceof z.ZodArray) yield* walk(schema.element, `${path}[]`);
  if (schema instanceof z.ZodNullable) yield* walk(schema.unwrap(), path);
}

const fields = all.flatMap((api) => [
  ...walk(api.request, `${api.name} request`),
  ...walk(api.response, `${api.name} response`),
]);

test('every number, text and list is bounded', () => {
  const unbounded = fields.filter(({ schema }) => {
    if (schema instanceof z.ZodNumber) {
      return schema.safeParse(2 ** 53).success || schema.safeParse(-(2 ** 53)).success || schema.safeParse(0.5).success;
    }
    if (schema instanceof z.ZodString) return schema.safeParse('x'.repeat(100_000)).success;
    if (schema instanceof z.ZodArray) return schema._zod.def.checks?.length !== 1;
    return false;
  });
  expect(unbounded.map(({ path }) => path)).toEqual([]);
});

test('every field has a text for the documentation', () => {
  const silent = fields.filter(({ path, schema }) => {
    if (!path.includes('.') || path.endsWith('[]') || schema instanceof z.ZodNullable) return false;
    return (z.globalRegistry.get(schema)?.description ?? '') === '';
  });
  expect(silent.map(({ path }) => path)).toEqual([]);
});
