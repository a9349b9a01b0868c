/**
 * Starts the syncs of all partitions that were appended to in one event-loop turn, at the end of that turn.
 *
 * The requests of a turn arrive from many sockets one after the other. Syncing at each append would start the first
 * fdatasync with one batch in it and make the others wait for the next one.
 */
import type { Clock } from '@millrace/base';

interface Syncable {
  startSync(): void;
}

export class SyncSchedule {
  readonly #clock: Clock;
  #appended = new Set<Syncable>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  request(partition: Syncable): void {
    if (this.#appended.size === 0) this.#clock.nextTurn(() => this.#startAll());
    this.#appended.add(partition);
  }

  #startAll(): void {
    const appended = this.#appended;
    this.#appended = new Set();
    for (const partition of appended) partition.startSync();
  }
}
