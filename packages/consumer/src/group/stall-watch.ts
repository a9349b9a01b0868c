/**
 * Notices that the program hangs in a record, or iterates no more. Looks at each of its hands now and then instead of taking
 * the time at each record.
 *
 * Only time that the process lived through counts: between two looks no more than the time at which looks are due. After a
 * pause (a suspended machine, SIGSTOP) the look is due at once, and the program has had no turn yet to end what it is at.
 */
import type { Hand } from '../delivery.js';

interface Look {
  readonly asks: number;
  readonly forMs: number;
}

export class StallWatch {
  readonly #limitMs: number;
  #looks = new Map<Hand, Look>();
  #lookedMs = 0;

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
    const livedMs = Math.min(nowMs - this.#lookedMs, this.intervalMs);
    for (const hand of hands) {
      const before = this.#looks.get(hand);
      const isSame = hand.isWorking && before?.asks === hand.asks;
      looks.set(hand, { asks: hand.asks, forMs: isSame ? before.forMs + livedMs : 0 });
    }
    this.#looks = looks;
    this.#lookedMs = nowMs;
    return hands.find((hand) => (looks.get(hand)?.forMs ?? 0) >= this.#limitMs);
  }
}
