/**
 * Quick tests for schemas: whether a value is valid as it stands, with no field besides those of its schema, so that
 * parsing it would give a copy of it. Nearly all messages are so; they need no copy, and no parser that takes note of what is
 * wrong and where. A test that says no says nothing more: the value may be invalid, or valid with fields to be dropped.
 *
 * It knows what the schemas of this package are made of, and says no to all else.
 */
import type { z } from 'zod';

export type ExactCheck = (value: unknown) => boolean;

const checks = new WeakMap<z.core.$ZodType, ExactCheck>();

/** The test for a schema, made when it is first asked for. */
export function exactCheck(schema: z.core.$ZodType): ExactCheck {
  let check = checks.get(schema);
  if (check === undefined) {
    check = checkOf(schema as z.core.$ZodTypes);
    checks.set(schema, check);
  }
  return check;
}

const never: ExactCheck = () => false;

function checkOf({ _zod: { def } }: z.core.$ZodTypes): ExactCheck {
  switch (def.type) {
    case 'object':
      return isPlain(def) && def.catchall === undefined ? objectCheck(def.shape) : never;
    case 'array':
      return arrayCheck(def);
    case 'string':
      return stringCheck(def);
    case 'number':
      return integerCheck(def);
    case 'boolean':
      return isPlain(def) ? (value) => typeof value === 'boolean' : never;
    case 'literal':
      return isPlain(def) ? oneOf(def.values) : never;
    case 'enum':
      return isPlain(def) ? oneOf(Object.values(def.entries)) : never;
    case 'nullable': {
      const inner = exactCheck(def.innerType);
      return isPlain(def) ? (value) => value === null || inner(value) : never;
    }
    case 'union':
      return isPlain(def) && 'discriminator' in def ? unionCheck(def as z.core.$ZodDiscriminatedUnionDef) : never;
    default:
      return never;
  }
}

/** Without rules of its own besides its kind. */
function isPlain({ checks = [] }: z.core.$ZodTypeDef): boolean {
  return checks.length === 0;
}

function objectCheck(shape: z.core.$ZodShape): ExactCheck {
  const keys = Object.keys(shape);
  const known = new Set(keys);
  const fields = Object.values(shape).map(exactCheck);
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
    for (let index = 0; index < keys.length; index += 1) {
      const field = (value as Record<string, unknown>)[keys[index] as string];
      if (!(fields[index] as ExactCheck)(field)) return false;
    }
    for (const key in value) if (!known.has(key)) return false;
    return true;
  };
}

function arrayCheck(def: z.core.$ZodArrayDef): ExactCheck {
  const range = rangeOf(def, 'min_length', 'max_length');
  if (range === undefined) return never;
  const { min, max } = range;
  const item = exactCheck(def.element);
  return (value) => {
    if (!Array.isArray(value) || value.length < min || value.length > max) return false;
    for (let index = 0; index < value.length; index += 1) if (!item(value[index])) return false;
    return true;
  };
}

function stringCheck(def: z.core.$ZodStringDef): ExactCheck {
  const patterns: RegExp[] = [];
  const range = rangeOf(def, 'min_length', 'max_length', (rule) => {
    const { pattern } = rule as z.core.$ZodCheckRegexDef;
    // One that remembers where it was would answer differently the next time.
    if (rule.check !== 'string_format' || !(pattern instanceof RegExp) || pattern.global || pattern.sticky)
      return false;
    patterns.push(pattern);
    return true;
  });
  if (range === undefined || 'format' in def) return never;
  const { min, max } = range;
  const [pattern, more] = patterns;
  if (more !== undefined) return never;
  return (value) =>
    typeof value === 'string' &&
    value.length >= min &&
    value.length <= max &&
    (pattern === undefined || pattern.test(value));
}

function integerCheck(def: z.core.$ZodNumberDef): ExactCheck {
  const range = rangeOf(def, 'greater_than', 'less_than');
  if (range === undefined || !('format' in def) || def.format !== 'safeint') return never;
  const { min, max } = range;
  return (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max;
}

function oneOf(values: readonly unknown[]): ExactCheck {
  return (value) => values.includes(value);
}

function unionCheck({ discriminator, options }: z.core.$ZodDiscriminatedUnionDef): ExactCheck {
  const byValue = new Map<unknown, ExactCheck>();
  for (const option of options) {
    const { def } = (option as z.core.$ZodTypes)._zod;
    const literal = def.type === 'object' ? (def.shape[discriminator] as z.core.$ZodTypes | undefined) : undefined;
    if (literal?._zod.def.type !== 'literal') return never;
    for (const value of literal._zod.def.values) byValue.set(value, exactCheck(option));
  }
  return (value) => {
    if (typeof value !== 'object' || value === null) return false;
    return byValue.get((value as Record<string, unknown>)[discriminator])?.(value) === true;
  };
}

type RuleDef = z.core.$ZodCheckDef;

/** The bounds that the rules of a schema set, both included; undefined when there is a rule of another kind that `isOther` does not take. */
function rangeOf(
  { checks = [] }: z.core.$ZodTypeDef,
  atLeast: string,
  atMost: string,
  isOther: (rule: RuleDef) => boolean = () => false,
): { min: number; max: number } | undefined {
  let min = -Infinity;
  let max = Infinity;
  for (const { _zod } of checks) {
    const rule = _zod.def as RuleDef & {
      readonly minimum?: number;
      readonly maximum?: number;
      readonly value?: number;
      readonly inclusive?: boolean;
    };
    if (rule.check === atLeast && rule.inclusive !== false) min = Math.max(min, rule.minimum ?? rule.value ?? NaN);
    else if (rule.check === atMost && rule.inclusive !== false) max = Math.min(max, rule.maximum ?? rule.value ?? NaN);
    else if (!isOther(rule)) return undefined;
  }
  return Number.isNaN(min) || Number.isNaN(max) ? undefined : { min, max };
}
