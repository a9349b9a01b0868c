/**
 * What the logs of a data directory need from time to time, in small steps so that the node goes on serving: let go
 * what retention lets go, compact, move recovery points up, write the checkpoints.
 *
 * A step takes the logs in turn from where the last one ended, and stops when its time is used up. A log that fails
 * goes offline by itself and is only reported here: the others are not held up. One that is deleted during a step is
 * left alone from then on, and another of its name that is created during it gets none of its offsets.
 */
import { errorMessage, type Clock, type Logger } from '@millrace/base';
import type { DirectoryCheckpoints } from './directory-checkpoints.js';
import type { HostedLog } from './hosted-log.js';

/** The high watermark of a log; undefined while nobody knows it: then none of its records may go. */
export type HighWatermarkOf = (hosted: HostedLog) => number | undefined;

export interface HousekeepingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly checkpoints: DirectoryCheckpoints;
  /** Those that are there now, in a fixed order. */
  readonly logs: () => readonly HostedLog[];
  /** A step looks at no further log after this long. */
  readonly budgetMs: number;
}

export class Housekeeping {
  readonly #options: HousekeepingOptions;
  /** How many logs the steps so far looked at: the next one begins there, round and round. */
  #cursor = 0;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
  }

  /** One step; a second call during a step shares it. */
  step(highWatermarkOf: HighWatermarkOf): Promise<void> {
    this.#running ??= this.#run(highWatermarkOf);
    return this.#running;
  }

  /** Ends a step after the log at hand, and lets no other begin. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.allSettled([this.#running]);
  }

  async #run(highWatermarkOf: HighWatermarkOf): Promise<void> {
    const { clock, checkpoints, budgetMs } = this.#options;
    try {
      const logs = this.#options.logs();
      const endMs = clock.monotonicMs() + budgetMs;
      for (let looked = 0; looked < logs.length && clock.monotonicMs() < endMs; looked++) {
        if (this.#isStopped) return;
        const hosted = logs[this.#cursor++ % logs.length];
        if (hosted === undefined || hosted.log.isOffline || hosted.log.isClosed) continue;
        await this.#look(hosted, highWatermarkOf(hosted));
      }
      // Asked for anew: offsets of a log that is gone must not be noted under its name, which another may have by now.
      for (const hosted of this.#options.logs()) checkpoints.note(hosted, highWatermarkOf(hosted));
      await checkpoints.save();
    } finally {
      this.#running = undefined;
    }
  }

  async #look(hosted: HostedLog, highWatermark: number | undefined): Promise<void> {
    const { log } = hosted;
    try {
      if (highWatermark !== undefined) {
        await log.applyRetention(highWatermark);
        await log.compact(highWatermark);
      }
      await log.advanceRecoveryPoint();
    } catch (error) {
      // It was deleted. One whose files failed before that has said so when it went offline.
      if (log.isClosed) return;
      this.#options.logger.error('housekeeping of a partition failed', {
        topic: hosted.topic,
        partition: hosted.partition,
        error: errorMessage(error),
      });
    }
  }
}
