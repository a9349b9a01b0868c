import { expect, test } from 'vitest';
import { drawPlan } from '../plan/draw-plan.js';
import type { Plan } from '../plan/plan.js';
import { shrinkPlan } from './shrink-plan.js';

/** A plan with many sends, found by trying. */
function bigPlan(): Plan {
  for (let seed = 1; ; seed += 1) {
    const plan = drawPlan(seed, { nodesMax: 3 });
    if (plan.operations.length > 30 && plan.faults.length > 5) return plan;
  }
}

test('what has no part in the failure is taken away', async () => {
  const plan = bigPlan();
  const guilty = plan.operations.find(({ kind }) => kind === 'send');
  // One that names no topic: those go with their topics.
  const fault = plan.faults.find(({ victim }) => victim.role !== 'leader');
  const smallest = await shrinkPlan(plan, {
    isBroken: (candidate) =>
      Promise.resolve(
        candidate.operations.some(({ id }) => id === guilty?.id) && candidate.faults.some((each) => each === fault),
      ),
    isOutOfTime: () => false,
  });
  expect(smallest.operations).toHaveLength(1);
  expect(smallest.faults).toEqual([fault]);
  expect(smallest.config).toMatchObject({ nodes: 1, nodeSettings: {}, consumers: [], ending: 'graceful' });
  expect(smallest.config.topics).toHaveLength(1);
  expect(smallest.config.producers).toHaveLength(1);
});

test('a plan stays as it is when nothing can go, or there is no time', async () => {
  const plan = bigPlan();
  expect(await shrinkPlan(plan, { isBroken: () => Promise.resolve(false), isOutOfTime: () => false })).toBe(plan);
  expect(await shrinkPlan(plan, { isBroken: () => Promise.resolve(true), isOutOfTime: () => true })).toBe(plan);
});
