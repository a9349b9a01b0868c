/**
 * Holds the ratios of a run against those of a stored one. Ratios are of two things measured in the same round, so they
 * can be compared where absolute figures cannot.
 *
 * Rounds differ by noise. A ratio is a regression when its median lies beyond the worst round of the stored run by more
 * than the margin, and not even its best round reaches the stored median.
 */
import type { Ratio } from '../suite.js';

/** Of the stored run's worst round. */
const margin = 0.05;

export type Verdict = 'same' | 'better' | 'regression' | 'new' | 'missing';

export interface ComparedRatio {
  readonly name: string;
  readonly before: Ratio['value'] | undefined;
  readonly after: Ratio['value'] | undefined;
  readonly verdict: Verdict;
}

export function compareRatios(before: readonly Ratio[], after: readonly Ratio[]): ComparedRatio[] {
  const known = before.map(({ name, value, better }) => {
    const now = after.find((ratio) => ratio.name === name)?.value;
    const verdict: Verdict = now === undefined ? 'missing' : verdictOf(value, now, better);
    return { name, before: value, after: now, verdict };
  });
  const fresh = after
    .filter(({ name }) => !before.some((ratio) => ratio.name === name))
    .map(({ name, value }) => ({ name, before: undefined, after: value, verdict: 'new' as const }));
  return [...known, ...fresh];
}

function verdictOf(before: Ratio['value'], after: Ratio['value'], better: Ratio['better']): Verdict {
  if (isWorse(before, after, better)) return 'regression';
  return isWorse(after, before, better) ? 'better' : 'same';
}

/** Whether the second is worse than the first beyond noise. */
function isWorse(first: Ratio['value'], second: Ratio['value'], better: Ratio['better']): boolean {
  return better === 'higher'
    ? second.median < first.min * (1 - margin) && second.max < first.median
    : second.median > first.max * (1 + margin) && second.min > first.median;
}
