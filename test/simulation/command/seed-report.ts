/** What one seed came to, as a worker tells it. */
import type { Violation } from '../checks/violation.js';
import type { RunResult } from '../run/run-plan.js';

export interface SeedReport {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly marks: readonly (readonly [string, number])[];
  readonly faults: readonly (readonly [string, number])[];
  readonly events: number;
  readonly virtualMs: number;
  readonly sends: number;
  readonly reads: number;
  readonly nodes: number;
  readonly traceHash: string;
  /** Whether it was run twice, to compare the hashes. */
  readonly isRepeated: boolean;
}

export function seedReport(result: RunResult, isRepeated: boolean, more: readonly Violation[] = []): SeedReport {
  const { plan, violations, marks, faults, events, virtualMs, sends, reads, traceHash } = result;
  return {
    seed: plan.seed,
    violations: [...violations, ...more],
    marks,
    faults,
    events,
    virtualMs,
    sends,
    reads,
    nodes: plan.config.nodes,
    traceHash,
    isRepeated,
  };
}
