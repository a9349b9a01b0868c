/** What the project aims at beside what a run reached. A figure reaches its aim with its median. */
import { formatSpread, type Spread } from './statistics.js';

export interface Goal {
  readonly aim: string;
  readonly wanted: string;
  readonly figure: string;
  readonly isReached: boolean;
  /** The figure as a share of what is wanted, or the other way round where less is better: below 1 is missed. */
  readonly reachedShare: number;
}

export function atLeast(aim: string, figures: Spread, bound: number, digits = 2): Goal {
  const reachedShare = figures.median / bound;
  return {
    aim,
    wanted: `>= ${bound}`,
    figure: formatSpread(figures, digits),
    isReached: figures.median >= bound,
    reachedShare,
  };
}

export function below(aim: string, figures: Spread, bound: number, digits = 0): Goal {
  const reachedShare = bound / figures.median;
  return {
    aim,
    wanted: `< ${bound}`,
    figure: formatSpread(figures, digits),
    isReached: figures.median < bound,
    reachedShare,
  };
}
