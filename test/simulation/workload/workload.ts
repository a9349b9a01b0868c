import type { Simulation } from '@millrace/testkit';
import type { Plan } from '../plan/plan.js';
import type { Marks } from '../report/marks.js';
import type { TimeLine } from '../report/time-line.js';
import type { Call, History } from './history.js';

/** Clients begin nothing new once it is closed. */
export interface Gate {
  isClosed: boolean;
}

/** What every client of a run works with. */
export interface Workload {
  readonly simulation: Simulation;
  readonly plan: Plan;
  readonly bootstrap: string;
  readonly history: History;
  readonly timeLine: TimeLine;
  readonly marks: Marks;
  /** Of the safety phase: bursts end with it. */
  readonly gate: Gate;
}

/** A client may be this much later than its deadline: timers are late, and replies take a turn. */
export const lateMs = 2000;

/** Records a call, and whether it was answered in time. Never rejects: what failed is in the result. */
export async function recordCall<Result>(
  workload: Workload,
  call: { readonly client: string; readonly text: string; readonly timeoutMs: number },
  make: () => Promise<Result>,
): Promise<Result | undefined> {
  const { simulation, history, timeLine } = workload;
  const { client, text, timeoutMs } = call;
  const invokedMs = simulation.nowMs;
  const entry: Call = {
    client,
    text,
    invokedMs,
    deadlineMs: invokedMs + timeoutMs + lateMs,
    endedMs: Infinity,
    error: undefined,
  };
  history.calls.push(entry);
  timeLine.add(client, `${text} ...`);
  try {
    const result = await make();
    entry.endedMs = simulation.nowMs;
    timeLine.add(client, `${text} done`);
    return result;
  } catch (error) {
    entry.endedMs = simulation.nowMs;
    entry.error = error instanceof Error ? error.message : String(error);
    timeLine.add(client, `${text} failed: ${entry.error}`);
    return undefined;
  }
}

/** All programs on a machine are killed, with all they were waiting for. */
export function restartMachine({ simulation, history }: Workload, machine: string): void {
  simulation.kill(machine);
  simulation.restart(machine);
  for (const call of history.calls) {
    if (call.endedMs < Infinity || !call.client.startsWith(`${machine}.`)) continue;
    call.endedMs = simulation.nowMs;
    call.error = 'the program was killed';
  }
}
