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

  test.each([
    ['what may be left out, again and again', '{a,}'.repeat(2000), 'a'.repeat(249), true],
    ['many texts after many others', `{${'a,'.repeat(1300)}aa}`.repeat(3), `${'a'.repeat(6)}b`, false],
    ['stars and nothing between them', `${'*'.repeat(4000)}b`, 'a'.repeat(249), false],
    ['sets of which each matches', '[a-z]'.repeat(249), 'a'.repeat(249), true],
  ])('has links in proportion to its length: %s', (_, pattern, name, expected) => {
    const compiled = topicPattern(pattern);
    expect(compiled.linkCount).toBeLessThanOrEqual(2 * pattern.length);
    expect(compiled.matches(name)).toBe(expected);
  });

  test('property: any text is a pattern or is refused with a typed error, and a refusal is short', () => {
    const signs = fc.string({
      unit: fc.constantFrom('a', 'z', '*', '?', '[', ']', '^', '-', '{', '}', ',', '\\', '\u{1f600}'),
    });
    fc.assert(
      fc.property(fc.oneof(signs, fc.string({ unit: 'binary' })), fc.string(), (text, name) => {
        try {
          expect(typeof topicPattern(text).matches(name)).toBe('boolean');
        } catch (error) {
          expect(errorCode(error)).toBe('INVALID_REGULAR_EXPRESSION');
        }
      }),
      { numRuns: 3000 },
    );
    expect(() => topicPattern('x'.repeat(100_000))).toThrow(/^.{1,400}$/u);
  });

  test('takes steps in proportion to pattern and name where trying all ways would never end', () => {
    const pattern = topicPattern(`${'*a'.repeat(200)}b`);
    expect(pattern.matches('a'.repeat(249))).toBe(false);
  });
});
