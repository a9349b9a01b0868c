/** Arbitrary values of any schema of the protocol, made by walking the schema itself. */
import fc from 'fast-check';
import { z } from 'zod';

export function arbitraryMessage<T>(schema: z.ZodType<T>, maxListLength = 4): fc.Arbitrary<T> {
  const arbitrary: fc.Arbitrary<unknown> = arbitraryValue(schema, maxListLength);
  return arbitrary as fc.Arbitrary<T>;
}

function arbitraryValue(schema: z.core.$ZodType, maxListLength: number): fc.Arbitrary<unknown> {
  if (schema instanceof z.ZodObject) {
    const shape = Object.entries<z.core.$ZodType>(schema.shape);
    return fc.record(Object.fromEntries(shape.map(([key, field]) => [key, arbitraryValue(field, maxListLength)])));
  }
  if (schema instanceof z.ZodArray) {
    const list = fc.array(arbitraryValue(schema.element, maxListLength), { maxLength: maxListLength });
    return list.filter((items) => accepts(schema, items));
  }
  if (schema instanceof z.ZodUnion) {
    return fc.oneof(...schema.options.map((option) => arbitraryValue(option, maxListLength)));
  }
  if (schema instanceof z.ZodNullable) return fc.option(arbitraryValue(schema.unwrap(), maxListLength), { nil: null });
  if (schema instanceof z.ZodOptional) return arbitraryValue(schema.unwrap(), maxListLength);
  if (schema instanceof z.ZodNumber) {
    const min = schema.minValue ?? Number.MIN_SAFE_INTEGER;
    const max = schema.maxValue ?? Number.MAX_SAFE_INTEGER;
    return fc.oneof(fc.integer({ min, max }), fc.constantFrom(min, max));
  }
  if (schema instanceof z.ZodString) {
    if (topicIdProbe.every((id) => schema.safeParse(id).success) && !schema.safeParse('').success) return topicIds;
    return fc.string({ unit: 'grapheme', maxLength: 20 }).filter((text) => accepts(schema, text));
  }
  if (schema instanceof z.ZodBoolean) return fc.boolean();
  if (schema instanceof z.ZodEnum) return fc.constantFrom(...(schema.options as unknown[]));
  if (schema instanceof z.ZodLiteral) return fc.constantFrom(...(schema.values as Set<unknown>));
  throw new Error(`no arbitrary for a schema of type ${schema._zod.def.type}`);
}

/** For what only a few values break: a length of at least one, no item twice. */
function accepts(schema: z.ZodType, value: unknown): boolean {
  return schema.safeParse(value).success;
}

const topicIdProbe = ['AAAAAAAAAAAAAAAAAAAAAA', 'zz_-zz_-zz_-zz_-zz_-09'];
const topicIds = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((bytes) => Buffer.from(bytes).toString('base64url'));
