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
const seedsPerProcess = 1000;
/** Seeds that a process is told of beforehand: it never waits for its parent. */
const seedsAhead = 3;

export async function runSeeds(options: SeedPoolOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.jobs }, () => runLane(options)));
}

/** One process after another; each ends after so many seeds, or with one that it could not end. */
async function runLane(options: SeedPoolOptions): Promise<void> {
  const { nodesMax, mutant, scenario } = options;
  /** Seeds that a process was told of and did not come to. */
  let left: number[] = [];
  const next = (): number | undefined => left.shift() ?? options.next();
  for (;;) {
    const first = next();
    if (first === undefined) return;
    const child = fork(join(options.tree, 'test/simulation/command/worker-main.js'), {
      // Runs leave much behind that is young: with more room for it, less of it is looked at; with more yet, caches are missed. Other threads would only take
      // time from the processes on the other cores.
      execArgv: ['--enable-source-maps', '--stack-trace-limit=10', '--max-semi-space-size=16', '--single-threaded-gc'],
    });
    const replies = new Replies(child);
    await replies.next();
    const told: number[] = [];
    let count = 0;
    const tell = (seed: number): void => {
      told.push(seed);
      count += 1;
      child.send({ seed, nodesMax, mutant, scenario });
    };
    tell(first);
    for (;;) {
      while (told.length <= seedsAhead && count < seedsPerProcess) {
        const seed = next();
        if (seed === undefined) break;
        tell(seed);
      }
      const seed = told.shift();
      if (seed === undefined) break;
      const reply = await replies.next();
      if (reply !== undefined && !('failure' in reply)) {
        options.onReport(reply);
        continue;
      }
      const text = reply === undefined ? 'the process hung or died' : 'the simulator failed';
      options.onReport(failed(seed, violation('H2', text, reply?.failure.split('\n') ?? [])));
      break;
    }
    child.kill();
    left = [...told, ...left];
  }
}

/** What a child says, in order. */
class Replies {
  readonly #waiting: WorkerReply[] = [];
  #hasEnded = false;
  #wake: (() => void) | undefined;

  constructor(child: ChildProcess) {
    child.on('message', (reply: WorkerReply) => {
      this.#waiting.push(reply);
      this.#wake?.();
    });
    child.on('exit', () => {
      this.#hasEnded = true;
      this.#wake?.();
    });
  }

  /** Undefined when the child has ended, or says nothing for too long. */
  async next(): Promise<WorkerReply | undefined> {
    if (this.#waiting.length === 0 && !this.#hasEnded) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, seedTimeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#wake = undefined;
    }
    return this.#waiting.shift();
  }
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
    nodes: 0,
    traceHash: '',
    isRepeated: false,
  };
}
