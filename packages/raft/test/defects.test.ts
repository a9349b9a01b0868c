/**
 * Proves that the checkers see: each planted bug must be found by the runs of `simulation.test.ts` within its budget
 * of seeds, and by the rule that it breaks.
 */
import { describe, expect, test } from 'vitest';
import type { RaftDefect } from '../src/core/defects.js';
import { Violation } from './simulation/checker.js';
import { runSeed } from './simulation/run-seed.js';

interface Planted {
  readonly defect: RaftDefect;
  /** Which rules may be the first to be seen broken; `core`: an assertion of the core itself. */
  readonly rules: readonly string[];
  readonly budget: number;
}

const planted: readonly Planted[] = [
  { defect: 'voteBeforePersist', rules: ['B2'], budget: 2 },
  { defect: 'noPreVote', rules: ['B8'], budget: 10 },
  { defect: 'countSelfBeforeSync', rules: ['B2'], budget: 5 },
  { defect: 'commitEarlierTerm', rules: ['B4'], budget: 5 },
  { defect: 'truncateOnHeartbeat', rules: ['B2', 'B3', 'B8', 'core'], budget: 5 },
  { defect: 'noCheckQuorum', rules: ['B6'], budget: 10 },
  { defect: 'changeBeforeOwnCommit', rules: ['B5'], budget: 100 },
  { defect: 'ignoreDirectoryId', rules: ['B1', 'B2', 'B3', 'B8', 'core'], budget: 30 },
];

describe('planted bugs', () => {
  test.each(planted)('$defect is seen within $budget seeds', ({ defect, rules, budget }) => {
    const defects = new Set([defect]);
    for (let seed = 1; seed <= budget; seed += 1) {
      try {
        runSeed({ seed, defects });
      } catch (error) {
        const rule = error instanceof Violation ? error.rule : 'core';
        expect(rules, String(error)).toContain(rule);
        return;
      }
    }
    expect.fail(`${budget} seeds did not show ${defect}`);
  });
});
