/**
 * Looks at regular times for followers that lag for longer than `replica.lag.time.max.ms`, of all partitions this node
 * leads.
 *
 * A look that comes late says nothing: the process was held up, and the fetches that arrived meanwhile are still in
 * their sockets. It is skipped, and lag is judged with the next.
 */
import type { Clock, Timer } from '@millrace/base';
import type { Partition } from '../partition/partition.js';

export interface InSyncWatchOptions {
  readonly clock: Clock;
  readonly maxLagMs: number;
  readonly partitions: () => Iterable<Partition>;
}

export class InSyncWatch {
  readonly #options: InSyncWatchOptions;
  readonly #everyMs: number;
  #timer: Timer | undefined;

  constructor(options: InSyncWatchOptions) {
    this.#options = options;
    this.#everyMs = Math.max(1, Math.floor(options.maxLagMs / 2));
  }

  start(): void {
    const { clock } = this.#options;
    const dueMs = clock.monotonicMs() + this.#everyMs;
    this.#timer = clock.schedule(this.#everyMs, () => {
      const lateMs = clock.monotonicMs() - dueMs;
      if (lateMs < this.#everyMs / 2) this.#look();
      this.start();
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #look(): void {
    for (const partition of this.#options.partitions()) {
      const { leadership } = partition;
      if (leadership === undefined || leadership.replicas.length < 2) continue;
      partition.considerInSyncSet(this.#options.maxLagMs);
    }
  }
}
