/**
 * One setting: what it is called, which values it takes, and what it does.
 *
 * A table of these is the single source of parsing, validation, environment variable names and the printed
 * reference. Keys are Kafka's where the meaning is the same, and end in the unit.
 */
import { assert } from '../assert.js';

interface CommonDefinition {
  /** `topic`: kept per topic in cluster metadata. `node`: given to one process when it starts. */
  readonly scope: 'topic' | 'node';
  /** Whether a change takes effect only after a restart. */
  readonly restart?: boolean;
  /** What it does, in a sentence or two, for the reference. */
  readonly text: string;
}

export interface NumericDefinition extends CommonDefinition {
  readonly type: 'integer' | 'number';
  readonly default: number;
  readonly min?: number;
  readonly max?: number;
  readonly unit?: 'ms' | 'bytes' | 'count' | 'ratio' | 'port';
}

export interface BooleanDefinition extends CommonDefinition {
  readonly type: 'boolean';
  readonly default: boolean;
}

export interface StringDefinition extends CommonDefinition {
  readonly type: 'string';
  readonly default: string;
}

export interface EnumDefinition extends CommonDefinition {
  readonly type: 'enum';
  readonly default: string;
  readonly allowed: readonly string[];
}

/** Words separated by commas. */
export interface ListDefinition extends CommonDefinition {
  readonly type: 'list';
  readonly default: readonly string[];
  readonly allowed?: readonly string[];
}

export type SettingDefinition =
  NumericDefinition | BooleanDefinition | StringDefinition | EnumDefinition | ListDefinition;

/** A definition that knows its key. */
export type Setting = SettingDefinition & { readonly key: string };

export type SettingTable = Readonly<Record<string, Setting>>;

/** The type a definition's values have in the program. */
export type SettingValue<Definition> = Definition extends { type: 'integer' | 'number' }
  ? number
  : Definition extends { type: 'boolean' }
    ? boolean
    : Definition extends { type: 'enum'; allowed: readonly (infer Word)[] }
      ? Word
      : Definition extends { type: 'list'; allowed: readonly (infer Word)[] }
        ? readonly Word[]
        : Definition extends { type: 'list' }
          ? readonly string[]
          : string;

export type SettingValues<Table> = { readonly [Key in keyof Table]: SettingValue<Table[Key]> };

/** Makes a table of settings; each default must be a value the setting itself would accept. */
export function defineSettings<const Definitions extends Readonly<Record<string, SettingDefinition>>>(
  definitions: Definitions,
): { readonly [Key in keyof Definitions]: Definitions[Key] & { readonly key: string } } {
  const table: Record<string, Setting> = {};
  for (const [key, definition] of Object.entries(definitions)) {
    assert(/^[a-z0-9]+([.-][a-z0-9]+)*$/.test(key), `setting keys are lower-case words with dots, got ${key}`);
    assert(isAllowed(definition, definition.default), `the default of ${key} is not allowed by its own definition`);
    table[key] = Object.freeze({ ...definition, key });
  }
  return Object.freeze(table) as { readonly [Key in keyof Definitions]: Definitions[Key] & { readonly key: string } };
}

/** Whether a value of the right type keeps to the bounds or the list of allowed words. */
export function isAllowed(definition: SettingDefinition, value: unknown): boolean {
  switch (definition.type) {
    case 'integer':
    case 'number': {
      if (typeof value !== 'number' || !Number.isFinite(value)) return false;
      if (definition.type === 'integer' && !Number.isSafeInteger(value)) return false;
      return value >= (definition.min ?? -Infinity) && value <= (definition.max ?? Infinity);
    }
    case 'boolean':
      return typeof value === 'boolean';
    case 'string':
      return typeof value === 'string';
    case 'enum':
      return typeof value === 'string' && definition.allowed.includes(value);
    case 'list': {
      const { allowed } = definition;
      return (
        Array.isArray(value) && value.every((word) => typeof word === 'string' && (allowed?.includes(word) ?? true))
      );
    }
  }
}
