/**
 * A micro benchmark: one hot file alone, without sockets and disks. It does so much work and says how many units it did,
 * which the caller holds against what it asked for: a loop that the compiler threw away, or that stopped early, shows.
 */
export interface MicroBenchmark {
  readonly name: string;
  /** What one unit is, such as a record. */
  readonly unit: string;
  /** Prepares, and returns what does the work: about `units`, and how many it were. */
  readonly prepare: () => (units: number) => number;
}

export interface MicroFigure {
  readonly name: string;
  readonly unit: string;
  readonly units: number;
  readonly nsPerUnit: number;
}

export function measureMicro({ name, unit, prepare }: MicroBenchmark, units: number): MicroFigure {
  const work = prepare();
  // Once before, so that the code is compiled.
  work(units);
  const startedNs = process.hrtime.bigint();
  const done = work(units);
  const tookNs = Number(process.hrtime.bigint() - startedNs);
  return { name, unit, units: done, nsPerUnit: tookNs / done };
}
