import { errorCode } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { topicPattern } from '../../../src/coordinator/group/topic-pattern.js';

describe('a pattern of topic names', () => {
  test.each([
    ['orders', 'orders', true],
    ['orders', 'orders.eu', false],
    ['orders*', 'orders', true],
    ['orders*', 'orders.eu', true],
    ['*', '', true],
    ['*.eu', 'orders.eu', true],
    ['*.eu', 'orders.us', false],
    ['o?ders', 'orders', true],
    ['o?ders', 'oders', false],
    ['{orders,payments}.*', 'payments.eu', true],
    ['{orders,payments}.*', 'refunds.eu', false],
    ['{a,}b', 'b', true],
    ['{a,}b', 'ab', true],
    ['log-[0-9][0-9]', 'log-07', true],
    ['log-[0-9][0-9]', 'log-7', false],
    ['[^a-c]x', 'dx', true],
    ['[^a-c]x', 'bx', false],
    ['[a-]', '-', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['a.c', 'abc', false],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(topicPattern(pattern).matches(name)).toBe(expected);
  });

  test.each(['[', '[]', '{a', 'a}', 'a]', '{a*}', '[z-a]', 'a\\', 'x'.repeat(5000)])('is refused: %s', (pattern) => {
    let code: string | undefined;
    try {
      topicPattern(pattern);
    } catch (error) {
      code = errorCode(error);
    }
    expect(code).toBe('INVALID_REGULAR_EXPRESSION');
  });

  test('property: it matches what an equal regular expression matches', () => {
    const part = fc.oneof(
      fc.constantFrom('a', 'b', '-').map((text) => ({ glob: text, regex: text })),
      fc.constant({ glob: '*', regex: '.*' }),
      fc.constant({ glob: '?', regex: '.' }),
      fc.constant({ glob: '[ab]', regex: '[ab]' }),
      fc.constant({ glob: '[^a]', regex: '[^a]' }),
      fc.constant({ glob: '{ab,b,}', regex: '(?:ab|b|)' }),
    );
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), name, (parts, text) => {
        const glob = parts.map((one) => one.glob).join('');
        const regex = new RegExp(`^${parts.map((one) => one.regex).join('')}$`, 'u');
        expect(topicPattern(glob).matches(text)).toBe(regex.test(text));
      }),
      { numRuns: 3000 },
    );
  });

  test('takes steps in proportion to pattern and name where trying all ways would never end', () => {
    const pattern = topicPattern(`${'*a'.repeat(200)}b`);
    expect(pattern.matches('a'.repeat(249))).toBe(false);
  });
});
