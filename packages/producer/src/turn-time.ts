/**
 * The time that records get which bring none: read once for a few records of one event-loop turn.
 *
 * Asking the system for the time can cost as much as all else that is done for a small record. Records of one turn are
 * handed over at one moment, as far as anybody outside can tell; a turn that goes on for long is not trusted for more
 * than a few.
 */
import type { Clock } from '@millrace/base';

const recordsPerReading = 16;

export class TurnTime {
  readonly #clock: Pick<Clock, 'wallMs'>;
  #readMs = 0;
  #recordsLeft = 0;

  constructor(clock: Pick<Clock, 'wallMs'>) {
    this.#clock = clock;
  }

  /** `isSameTurn`: whether the turn in which it was last asked for is known to be still going on. */
  nowMs(isSameTurn: boolean): number {
    if (!isSameTurn || this.#recordsLeft === 0) {
      this.#readMs = this.#clock.wallMs();
      this.#recordsLeft = recordsPerReading;
    }
    this.#recordsLeft -= 1;
    return this.#readMs;
  }
}
