/**
 * Runs seeds in child processes, one per core: a seed never shares a process with one that runs at the same time, and
 * a process that hangs or dies is a finding, not the end.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { violation, type Violation } from '../checks/violation.js';
import type { SeedOptions } from './run-seed.js';
import type { SeedReport } from './seed-report.js';
import type { WorkerReply } from './worker.js';

export interface SeedPoolOptions extends SeedOptions {
  /** Where the built tree lies. */
  readonly tree: string;
  readonly jobs: number;
  /** The next seed; undefined ends the run. */
  readonly next: () => number | undefined;
  readonly onReport: (report: SeedReport) => void;
}

/** Real time for one seed, on a busy machine. */
const seedTimeoutMs = 300_000;
/** A fresh process now and then: what seeds might leave behind must not add up. */
const seedsPerProcess = 300;

export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.jobs }, () => runLane(options)));
}

async function runLane(options: SeedPoolOptions): Promise<void> {
  for (;;) {
    const child = fork(join(options.tree, 'test/simulation/command/worker-main.js'), {
      // Runs leave much behind that is young: with more room for it, less of it is looked at.
      execArgv: ['--enable-source-maps', '--stack-trace-limit=30', '--max-semi-space-size=64'],
    });
    await nextMessage(child);
    for (let count = 0; count < seedsPerProcess; count += 1) {
      const seed = options.next();
      if (seed === undefined) {
        child.kill();
        return;
      }
      const { nodesMax, mutant, scenario } = options;
      child.send({ seed, nodesMax, mutant, scenario });
      const reply = await nextMessage(child);
      if (reply !== undefined && !('failure' in reply)) {
        options.onReport(reply);
        continue;
      }
      const text = reply === undefined ? 'the process hung or died' : 'the simulator failed';
      options.onReport(failed(seed, violation('H2', text, reply?.failure.split('\n') ?? [])));
      break;
    }
    child.kill();
  }
}

/** Undefined when the child ends, or says nothing for too long. */
function nextMessage(child: ChildProcess): Promise<WorkerReply | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done(undefined), seedTimeoutMs);
    const done = (reply: WorkerReply | undefined): void => {
      clearTimeout(timer);
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(reply);
    };
    const onMessage = (reply: WorkerReply): void => done(reply);
    const onExit = (): void => done(undefined);
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}

function failed(seed: number, found: Violation): SeedReport {
  return {
    seed,
    violations: [found],
    marks: [],
    faults: [],
    events: 0,
    virtualMs: 0,
    sends: 0,
    reads: 0,
    isRepeated: false,
  };
}
