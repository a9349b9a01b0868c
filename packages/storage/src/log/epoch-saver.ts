/**
 * Keeps the saved leader epoch history up with the one in memory.
 *
 * The epoch of a batch is not covered by its checksum: the saved history is what recovery checks it against, and so it
 * is durable before the first batch of an epoch is synced. Until then the journal has the epoch, from before the batch is
 * written: what a process wrote counts when it is killed, and may have been acknowledged without a sync.
 *
 * One write at a time; what changes during a write goes with the next.
 */
import { errorMessage } from '@millrace/base';
import { writeLeaderEpochCheckpoint } from '../epoch/leader-epoch-checkpoint.js';
import type { EpochEntry } from '../epoch/leader-epoch-history.js';
import { LeaderEpochJournal } from '../epoch/leader-epoch-journal.js';
import type { LogState } from './log-state.js';

export class EpochSaver {
  readonly #state: LogState;
  readonly #journal: LeaderEpochJournal;
  /** Whether the last write that began has all of the history. */
  #isSaved = true;
  /** Whether the saved history may say something else of what is appended next, though its epoch is no new one. */
  #maySpeakAgainst = false;
  #saving: Promise<void> | undefined;

  constructor(state: LogState) {
    this.#state = state;
    const { environment, directory } = state;
    const { files, logger } = environment;
    this.#journal = new LeaderEpochJournal({ files, logger, directory });
  }

  /** What was announced and perhaps never saved. */
  journaled(): EpochEntry[] {
    return this.#journal.read();
  }

  /** The log was recovered. */
  recovered(isSaved: boolean): void {
    if (isSaved) this.#journal.clear();
    else this.changedForLater();
  }

  /** Whether batches of this epoch must be announced before they are written. */
  mustAnnounce(leaderEpoch: number): boolean {
    return this.#maySpeakAgainst || leaderEpoch !== this.#state.epochs.latestEpoch;
  }

  /** From now on batches with these epochs are recovered when the process is killed. */
  announce(entries: readonly EpochEntry[]): void {
    this.#journal.add(entries);
    this.#maySpeakAgainst = false;
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

  /** The end of the history went, and nobody depends on that before the next append or `save`. */
  changedForLater(): void {
    this.#isSaved = false;
    this.#maySpeakAgainst = true;
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
      this.#maySpeakAgainst = false;
      this.#journal.clear();
    } catch (error) {
      this.#isSaved = false;
      throw error;
    } finally {
      // In the same turn as the last look at the flag: a change from now on begins another write.
      this.#saving = undefined;
    }
  }
}
