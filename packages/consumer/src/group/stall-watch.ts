/**
 * Notices that the program hangs in a record, or iterates no more. Looks at each of its hands now and then instead of taking
 * the time at each record.
 */
import type { Hand } from '../delivery.js';

interface Look {
  readonly asks: number;
  readonly sinceMs: number;
}

export class StallWatch {
  readonly #limitMs: number;
  #looks = new Map<Hand, Look>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** How often to look. */
  get intervalMs(): number {
    return Math.max(1, Math.ceil(this.#limitMs / 8));
  }

  /** A hand that has been busy with the same thing for `limitMs`. */
  stalled(hands: readonly Hand[], nowMs: number): Hand | undefined {
    const looks = new Map<Hand, Look>();
    for (const hand of hands) {
      const before = this.#looks.get(hand);
      const isSame = hand.isWorking && before?.asks === hand.asks;
      looks.set(hand, isSame ? before : { asks: hand.asks, sinceMs: nowMs });
    }
    this.#looks = looks;
    return hands.find((hand) => nowMs - (looks.get(hand)?.sinceMs ?? nowMs) >= this.#limitMs);
  }
}
