/**
 * Whether something that is measured again and again grows: the slope of the straight line that fits its samples best.
 *
 * The first third is left out, in which caches fill and code is compiled. A slope counts as growth when what it would add
 * in an hour is more than what is tolerated, and when over the samples it adds more than they scatter around the line:
 * a heap goes up and down by nature.
 */
export interface Sample {
  readonly atSeconds: number;
  readonly value: number;
}

export interface Trend {
  readonly first: number;
  readonly last: number;
  readonly max: number;
  readonly perHour: number;
  /** Standard deviation around the line. */
  readonly scatter: number;
  readonly isGrowing: boolean;
}

const leftOutShare = 1 / 3;

export function trendOf(all: readonly Sample[], toleratedPerHour: number): Trend {
  const samples = all.slice(Math.floor(all.length * leftOutShare));
  const mean = (of: (sample: Sample) => number): number =>
    samples.reduce((sum, sample) => sum + of(sample), 0) / samples.length;
  const meanAt = mean(({ atSeconds }) => atSeconds);
  const meanValue = mean(({ value }) => value);
  const spreadAt = mean(({ atSeconds }) => (atSeconds - meanAt) ** 2);
  const slope =
    spreadAt === 0 ? 0 : mean(({ atSeconds, value }) => (atSeconds - meanAt) * (value - meanValue)) / spreadAt;
  const line = (atSeconds: number): number => meanValue + slope * (atSeconds - meanAt);
  const scatter = Math.sqrt(mean(({ atSeconds, value }) => (value - line(atSeconds)) ** 2));
  const seconds = (samples.at(-1)?.atSeconds ?? 0) - (samples[0]?.atSeconds ?? 0);
  const perHour = slope * 3600;
  return {
    first: all[0]?.value ?? NaN,
    last: all.at(-1)?.value ?? NaN,
    max: Math.max(...all.map(({ value }) => value)),
    perHour,
    scatter,
    isGrowing: perHour > toleratedPerHour && slope * seconds > scatter,
  };
}
