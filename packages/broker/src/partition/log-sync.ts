/**
 * Syncs a log: one sync is under way at a time, and another follows as long as there is something that is not synced.
 *
 * A disk that fails says so. One that hangs says nothing: nobody can end a sync that does not come back, but whoever leads can
 * notice, and let another replica lead.
 */
import type { Clock } from '@millrace/base';
import type { PartitionLog } from '@millrace/storage';

export interface LogSyncOptions {
  readonly log: PartitionLog;
  readonly clock: Clock;
  readonly isOver: () => boolean;
  readonly onFailed: (error: unknown) => void;
}

/** Far longer than disks stall under load, a second or so, and than what has piled up behind that takes. */
const stuckAfterMs = 5000;

export class LogSync {
  readonly #options: LogSyncOptions;
  #underWay: Promise<void> | undefined;
  /** When the sync that is under way began. */
  #startedMs = 0;

  constructor(options: LogSyncOptions) {
    this.#options = options;
  }

  /** Never rejects. Ends when all that was appended before is synced, or its waiters were told why not. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  get isStuck(): boolean {
    return this.#underWay !== undefined && this.#options.clock.monotonicMs() - this.#startedMs > stuckAfterMs;
  }

  /** Does nothing while it goes on already. */
  start(): void {
    const { log, isOver } = this.#options;
    if (this.#underWay !== undefined || isOver() || log.syncedEndOffset === log.endOffset) return;
    this.#underWay = this.#syncAll().finally(() => {
      this.#underWay = undefined;
    });
  }

  async #syncAll(): Promise<void> {
    const { log, clock, isOver, onFailed } = this.#options;
    try {
      while (log.syncedEndOffset < log.endOffset && !isOver()) {
        this.#startedMs = clock.monotonicMs();
        await log.sync();
      }
    } catch (error) {
      if (!isOver()) onFailed(error);
    }
  }
}
