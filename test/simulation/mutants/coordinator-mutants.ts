/** Bugs in the coordinators of transactions, shown by the schedules that are about them. */
import type { Mutant } from './mutant.js';

export const coordinatorMutants: readonly Mutant[] = [
  {
    id: 'm35',
    trap: 'a leader takes the first batch of a transaction without asking the coordinator, which never tells it the end',
    budgetSeeds: 5,
    scenario: 'S12',
    patches: [
      {
        file: 'packages/broker/src/coordinator/transaction/transaction-verifier.ts',
        find: '    const untilMs = clock.monotonicMs() + maxAskingMs;\n',
        replace: '    const untilMs = clock.monotonicMs() + maxAskingMs;\n    if (partitions.length > 0) return;\n',
      },
    ],
  },
];
