/** Text to setting values and back. Every refusal names the key, the value, and what would be accepted. */
import { MillraceError } from '../errors.js';
import {
  isAllowed,
  type Setting,
  type SettingDefinition,
  type SettingTable,
  type SettingValue,
  type SettingValues,
} from './setting.js';

type AnyValue = number | boolean | string | readonly string[];

/** Throws `INVALID_CONFIG`. */
export function parseSetting<Definition extends Setting>(
  definition: Definition,
  raw: string,
): SettingValue<Definition> {
  const value = valueOf(definition, raw);
  if (value === undefined || !isAllowed(definition, value)) {
    throw new MillraceError(
      'INVALID_CONFIG',
      `Invalid value ${JSON.stringify(raw)} for ${definition.key}: it must be ${describeAllowed(definition)}.`,
    );
  }
  return value as SettingValue<Definition>;
}

/**
 * Reads a whole set of `key: text` over the defaults. All faults are found before one error is thrown, so that a
 * configuration is mended in one go.
 */
export function parseSettings<Table extends SettingTable>(
  table: Table,
  raw: Readonly<Record<string, string>>,
): SettingValues<Table> {
  const values: Record<string, AnyValue> = {};
  const faults: string[] = [];
  for (const definition of Object.values(table)) values[definition.key] = definition.default;
  for (const [key, text] of Object.entries(raw)) {
    const definition = Object.hasOwn(table, key) ? table[key] : undefined;
    if (definition === undefined) {
      faults.push(unknownKey(table, key));
      continue;
    }
    try {
      values[key] = parseSetting(definition, text);
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      faults.push(error.message);
    }
  }
  if (faults.length > 0) throw new MillraceError('INVALID_CONFIG', faults.join('\n'));
  return Object.freeze(values) as SettingValues<Table>;
}

/** The text that `parseSetting` reads back as this value. */
export function formatSetting(value: AnyValue): string {
  return typeof value === 'object' ? value.join(',') : String(value);
}

/** What a setting accepts, as the end of "it must be ...". */
export function describeAllowed(definition: SettingDefinition): string {
  switch (definition.type) {
    case 'integer':
    case 'number': {
      const kind = definition.type === 'integer' ? 'a whole number' : 'a number';
      const unit = definition.unit === 'ms' ? ' of milliseconds' : definition.unit === 'bytes' ? ' of bytes' : '';
      const { min, max } = definition;
      if (min !== undefined && max !== undefined) return `${kind}${unit} from ${min} to ${max}`;
      if (min !== undefined) return `${kind}${unit}, ${min} or more`;
      return max === undefined ? `${kind}${unit}` : `${kind}${unit}, ${max} or less`;
    }
    case 'boolean':
      return 'true or false';
    case 'string':
      return 'text';
    case 'enum':
      return `one of ${definition.allowed.join(', ')}`;
    case 'list':
      return definition.allowed === undefined
        ? 'words separated by commas'
        : `a list, separated by commas, of ${definition.allowed.join(', ')}`;
  }
}

function valueOf(definition: SettingDefinition, raw: string): AnyValue | undefined {
  const text = raw.trim();
  switch (definition.type) {
    case 'integer':
      return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
    case 'number':
      // Number() alone would also take '', '0x10' and 'Infinity'.
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined;
    case 'string':
      return raw;
    case 'enum':
      return text;
    case 'list': {
      if (text === '') return [];
      const words = text.split(',').map((word) => word.trim());
      return words.includes('') ? undefined : [...new Set(words)];
    }
  }
}

const allSettings = '"millrace config reference" lists them all.';

function unknownKey(table: SettingTable, key: string): string {
  const near = Object.keys(table)
    .map((known) => ({ known, distance: editDistance(known, key) }))
    .sort((a, b) => a.distance - b.distance || (a.known < b.known ? -1 : 1))[0];
  const hint =
    near !== undefined && near.distance <= Math.max(2, key.length / 4) ? `Did you mean ${near.known}?` : allSettings;
  return `Unknown setting ${JSON.stringify(key)}. ${hint}`;
}

/** Levenshtein's distance, one row at a time. Keys from outside are cut: the hint is not worth quadratic work. */
function editDistance(from: string, to: string): number {
  const target = to.slice(0, 100);
  let row = Array.from({ length: target.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= target.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === target[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[target.length] ?? 0;
}
