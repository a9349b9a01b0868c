import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defineSettings,
  describeSettings,
  formatSetting,
  parseSetting,
  parseSettings,
  settingKeyFromEnvironmentName,
  settingsMarkdown,
  settingToEnvironmentName,
} from '../../src/index.js';

const table = defineSettings({
  'retention.ms': { type: 'integer', default: 604_800_000, min: -1, unit: 'ms', scope: 'topic', text: 'How long.' },
  'dirty.ratio': { type: 'number', default: 0.5, min: 0, max: 1, scope: 'topic', text: 'How dirty | how clean.' },
  'auto.create': { type: 'boolean', default: false, scope: 'node', restart: true, text: 'Whether.' },
  rack: { type: 'string', default: '', scope: 'node', text: 'Where.' },
  'timestamp.type': {
    type: 'enum',
    default: 'CreateTime',
    allowed: ['CreateTime', 'LogAppendTime'],
    scope: 'topic',
    text: 'Whose.',
  },
  'cleanup.policy': {
    type: 'list',
    default: ['delete'],
    allowed: ['delete', 'compact'],
    scope: 'topic',
    text: 'What.',
  },
});

describe('parsing a setting', () => {
  test('takes what its type and bounds allow', () => {
    expect(parseSetting(table['retention.ms'], '-1')).toBe(-1);
    expect(parseSetting(table['retention.ms'], ' 42 ')).toBe(42);
    expect(parseSetting(table['dirty.ratio'], '.25')).toBe(0.25);
    expect(parseSetting(table['auto.create'], 'true')).toBe(true);
    expect(parseSetting(table.rack, ' r 1 ')).toBe(' r 1 ');
    expect(parseSetting(table['timestamp.type'], 'LogAppendTime')).toBe('LogAppendTime');
    expect(parseSetting(table['cleanup.policy'], 'compact, delete,compact')).toEqual(['compact', 'delete']);
    expect(parseSetting(table['cleanup.policy'], '')).toEqual([]);
  });

  test.each([
    ['retention.ms', '-2', 'a whole number of milliseconds, -1 or more'],
    ['retention.ms', '1.5', 'a whole number of milliseconds, -1 or more'],
    ['retention.ms', '', 'a whole number of milliseconds, -1 or more'],
    ['retention.ms', '0x10', 'a whole number of milliseconds, -1 or more'],
    ['retention.ms', '9007199254740993', 'a whole number of milliseconds, -1 or more'],
    ['dirty.ratio', '1.1', 'a number from 0 to 1'],
    ['dirty.ratio', 'Infinity', 'a number from 0 to 1'],
    ['auto.create', 'yes', 'true or false'],
    ['timestamp.type', 'createtime', 'one of CreateTime, LogAppendTime'],
    ['cleanup.policy', 'delete,shred', 'a list, separated by commas, of delete, compact'],
    ['cleanup.policy', 'delete,,compact', 'a list, separated by commas, of delete, compact'],
  ] as const)('refuses %s=%s and says what is allowed', (key, raw, allowed) => {
    expect(() => parseSetting(table[key], raw)).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        message: `Invalid value ${JSON.stringify(raw)} for ${key}: it must be ${allowed}.`,
      }) as Error,
    );
  });

  test('reads back what formatting writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: -1 }), fc.double({ min: 0, max: 1, noNaN: true }), (integer, number) => {
        expect(parseSetting(table['retention.ms'], formatSetting(integer))).toBe(integer);
        expect(parseSetting(table['dirty.ratio'], formatSetting(number))).toBe(number === 0 ? 0 : number);
      }),
    );
    expect(parseSetting(table['cleanup.policy'], formatSetting(['compact', 'delete']))).toEqual(['compact', 'delete']);
  });
});

describe('parsing a whole configuration', () => {
  test('fills in defaults and freezes the result', () => {
    const values = parseSettings(table, { rack: 'r1' });
    expect(values).toEqual({
      'retention.ms': 604_800_000,
      'dirty.ratio': 0.5,
      'auto.create': false,
      rack: 'r1',
      'timestamp.type': 'CreateTime',
      'cleanup.policy': ['delete'],
    });
    expect(Object.isFrozen(values)).toBe(true);
  });

  test('reports all faults at once, with a hint for a misspelt key', () => {
    const raw = { 'retention.msec': '1', 'auto.create': 'on', 'no.such.thing.at.all': '', constructor: 'x' };
    expect(() => parseSettings(table, raw)).toThrow(
      expect.objectContaining({
        code: 'INVALID_CONFIG',
        message: [
          'Unknown setting "retention.msec". Did you mean retention.ms?',
          'Invalid value "on" for auto.create: it must be true or false.',
          'Unknown setting "no.such.thing.at.all". "millrace config reference" lists them all.',
          'Unknown setting "constructor". "millrace config reference" lists them all.',
        ].join('\n'),
      }) as Error,
    );
  });
});

test('a setting has an environment variable, and a variable means a key', () => {
  expect(settingToEnvironmentName('retention.ms')).toBe('MILLRACE_RETENTION_MS');
  expect(settingKeyFromEnvironmentName('MILLRACE_RETENTION_MS')).toBe('retention.ms');
  expect(settingKeyFromEnvironmentName('PATH')).toBeUndefined();
});

test('a default that its own definition refuses is our bug', () => {
  const define = (): unknown =>
    defineSettings({ 'a.b': { type: 'integer', default: 5, max: 4, scope: 'node', text: '' } });
  expect(define).toThrow(/default of a\.b/);
  expect(() => defineSettings({ 'A b': { type: 'string', default: '', scope: 'node', text: '' } })).toThrow(
    /lower-case/,
  );
});

test('the reference lists each setting once, by key', () => {
  expect(describeSettings(table).map(({ key }) => key)).toEqual(Object.keys(table).sort());
  expect(describeSettings(table)[0]).toEqual({
    key: 'auto.create',
    environmentName: 'MILLRACE_AUTO_CREATE',
    scope: 'node',
    default: 'false',
    allowed: 'true or false',
    restart: true,
    text: 'Whether.',
  });
  const lines = settingsMarkdown(table).split('\n');
  expect(lines).toContain('| `dirty.ratio` | `0.5` | a number from 0 to 1 | no | How dirty \\| how clean. |');
  expect(lines).toContain('| `rack` | (empty) | text | no | Where. |');
});
