/**
 * Keeps the saved leader epoch history up with the one in memory.
 *
 * The epoch of a batch is not covered by its checksum: the saved history is what recovery checks it against, and so it
 * is durable before the first batch of an epoch is acknowledged. A log that is not synced has it saved soon after, for
 * what a process wrote is there when it is killed.
 *
 * One write at a time; what changes during a write goes with the next.
 */
import { errorMessage } from '@millrace/base';
import { writeLeaderEpochCheckpoint } from '../epoch/leader-epoch-checkpoint.js';
import type { LogState } from './log-state.js';

export class EpochSaver {
  readonly #state: LogState;
  /** Whether the last write that began has all of the history. */
  #isSaved = true;
  #saving: Promise<void> | undefined;

  constructor(state: LogState) {
    this.#state = state;
  }

  get isSaved(): boolean {
    return this.#isSaved && this.#saving === undefined;
  }

  /** The history changed with an append. */
  changed(): void {
    this.#isSaved = false;
    if (this.#saving !== undefined) return;
    this.save().catch((error: unknown) => {
      const { directory, environment } = this.#state;
      environment.logger.warn('cannot save leader epochs yet', { directory, error: errorMessage(error) });
    });
  }

  /** The history changed, and nobody depends on it before the next `save`. */
  changedForLater(): void {
    this.#isSaved = false;
  }

  /** Resolves when the history as it is now is durable. */
  save(): Promise<void> {
    if (this.#saving === undefined && this.#isSaved) return Promise.resolve();
    this.#saving ??= this.#write();
    return this.#saving;
  }

  async #write(): Promise<void> {
    const { environment, directory } = this.#state;
    try {
      while (!this.#isSaved) {
        this.#isSaved = true;
        await writeLeaderEpochCheckpoint(environment.files, directory, this.#state.epochs);
      }
    } catch (error) {
      this.#isSaved = false;
      throw error;
    } finally {
      // In the same turn as the last look at the flag: a change from now on begins another write.
      this.#saving = undefined;
    }
  }
}
