/** Runs a scenario under a seed, in the simulator. */
import { errorMessage, type Environment } from '@millrace/base';
import { violation } from '../simulation/checks/violation.js';
import type { RunOptions, RunResult } from '../simulation/run/run-plan.js';
import { runPlan } from '../simulation/run/run-plan.js';
import type { Stage } from '../simulation/run/script.js';
import { Director, NotReached } from './director.js';
import { FilePoints } from './file-points.js';
import { planOf } from './plan-of.js';
import type { Scenario } from './scenario.js';
import { performAll, requireMeaning } from './steps.js';

export async function runScenario(scenario: Scenario, seed: number, options: RunOptions = {}): Promise<RunResult> {
  requireMeaning(scenario.steps);
  const points = new FilePoints();
  const { wrap = (environment: Environment): Environment => environment } = options;
  return runPlan(planOf(scenario, seed), {
    ...options,
    wrap: (environment, node) => points.watch(wrap(environment, node), node),
    script: (stage) => perform(scenario, stage, points),
  });
}

async function perform(scenario: Scenario, stage: Stage, points: FilePoints): Promise<void> {
  const director = new Director(stage);
  try {
    await performAll({ director, points }, scenario.steps);
    stage.marks.hit(`scenario-${scenario.id}`);
  } catch (error) {
    if (!(error instanceof NotReached)) throw error;
    stage.timeLine.add('scenario', errorMessage(error));
    stage.violations.push(violation(scenario.id, errorMessage(error), whereAll(director)));
  } finally {
    director.stopWriting();
    director.stopTransacting();
  }
}

/** Where everybody was. */
function whereAll({ stage }: Director): string[] {
  const { cluster, plan } = stage;
  const nodes = cluster.nodes.map(({ name, state, isPaused }) => `${name} ${isPaused ? 'paused' : state}`);
  const partitions = plan.config.topics.flatMap(({ name }) => {
    return (cluster.image.topicByName(name)?.partitions ?? []).map(
      ({ partition, leader, leaderEpoch, isr, elr }) =>
        `${name}-${partition}: leader ${leader} in epoch ${leaderEpoch}, in sync ${isr.join()}, eligible ${elr.join()}`,
    );
  });
  return [nodes.join(', '), `controller ${cluster.controller().name}`, ...partitions];
}
