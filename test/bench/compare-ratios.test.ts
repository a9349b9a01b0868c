import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareRatios } from '../../bench/src/compare/compare-ratios.js';
import { spread } from '../../bench/src/report/statistics.js';
import type { Ratio } from '../../bench/src/suite.js';

const ratio = (rounds: readonly number[], better: Ratio['better'] = 'higher', name = 'r'): Ratio => ({
  name,
  value: spread(rounds),
  better,
});
const verdict = (before: Ratio, after: Ratio) => compareRatios([before], [after])[0]?.verdict;
const rounds = fc.array(fc.double({ min: 0.01, max: 10, noNaN: true }), { minLength: 1, maxLength: 9 });
const opposite = new Map([
  ['same', 'same'],
  ['better', 'regression'],
  ['regression', 'better'],
]);
const better = fc.constantFrom('higher' as const, 'lower' as const);

test('rounds of the same run are no regression of themselves, however noisy', () => {
  fc.assert(
    fc.property(rounds, better, (values, direction) => {
      expect(verdict(ratio(values, direction), ratio(values, direction))).toBe('same');
    }),
  );
});

test('what is a regression one way round is better the other way round', () => {
  fc.assert(
    fc.property(rounds, rounds, better, (one, other, direction) => {
      const there = verdict(ratio(one, direction), ratio(other, direction));
      const back = verdict(ratio(other, direction), ratio(one, direction));
      expect(back).toBe(there === undefined ? undefined : opposite.get(there));
    }),
  );
});

test('a run in which every round is beyond the worst stored one by more than the margin is a regression', () => {
  fc.assert(
    fc.property(rounds, fc.double({ min: 0.1, max: 0.9, noNaN: true }), (values, share) => {
      const worst = Math.min(...values);
      expect(verdict(ratio(values), ratio([worst * share, worst * share]))).toBe('regression');
    }),
  );
});

test.each([
  ['rounds that overlap', [0.5, 0.6, 0.7], [0.45, 0.55, 0.65], 'same'],
  ['a median just below the worst stored round', [0.6, 0.62, 0.64], [0.58, 0.59, 0.6], 'same'],
  ['one bad round among good ones', [0.6, 0.62, 0.64], [0.1, 0.61, 0.63], 'same'],
  ['a real fall', [0.6, 0.62, 0.64], [0.4, 0.45, 0.5], 'regression'],
  ['a real rise', [0.6, 0.62, 0.64], [0.7, 0.75, 0.8], 'better'],
] as const)('%s: %j then %j is %s', (_, before, after, expected) => {
  expect(verdict(ratio(before), ratio(after))).toBe(expected);
});

test('where less is better, more is the regression', () => {
  expect(verdict(ratio([1, 1.1], 'lower'), ratio([2, 2.2], 'lower'))).toBe('regression');
  expect(verdict(ratio([2, 2.2], 'lower'), ratio([1, 1.1], 'lower'))).toBe('better');
});

test('a ratio that only one of the runs has is named, and no regression', () => {
  const compared = compareRatios([ratio([1], 'higher', 'gone')], [ratio([1], 'higher', 'fresh')]);
  expect(compared.map(({ name, verdict: of }) => [name, of])).toEqual([
    ['gone', 'missing'],
    ['fresh', 'new'],
  ]);
});
