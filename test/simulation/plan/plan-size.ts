/**
 * How much happens in a run. Starting a cluster, healing it and reading it twice costs as much as a second of faults, so
 * most runs are short, with their faults close together; what needs many steps after one another comes about in the rest.
 */
export interface PlanSize {
  readonly safetyMs: Extent;
  readonly operations: Extent;
  readonly faults: Extent;
}

interface Extent {
  readonly from: number;
  readonly to: number;
}

export const short: PlanSize = {
  safetyMs: { from: 200, to: 1200 },
  operations: { from: 5, to: 16 },
  faults: { from: 1, to: 6 },
};

export const long: PlanSize = {
  safetyMs: { from: 800, to: 5000 },
  operations: { from: 10, to: 50 },
  faults: { from: 3, to: 20 },
};
