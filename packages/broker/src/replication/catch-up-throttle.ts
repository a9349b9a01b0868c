/**
 * Holds replicas that are not in sync to the rate that their topic allows, so that a move does not take disks and network
 * from producers. What was moved is a debt that is paid off at the rate; while there is any, nothing more is moved.
 * Replicas in sync are never held up: acknowledgements wait for them.
 *
 * One for what a node sends as a leader, one for what it fetches as a follower.
 */

/** How soon another rate is seen, and another topic's end. */
const maxWaitMs = 1000;

interface Debt {
  bytes: number;
  atMs: number;
}

export class CatchUpThrottle {
  /** By topic id; those without a debt are not here. */
  readonly #debts = new Map<string, Debt>();

  /** How long to wait before more of the topic may be moved; 0: now. `rate` in bytes a second, undefined: any. */
  waitMs(topicId: string, rate: number | undefined, nowMs: number): number {
    const debt = this.#debts.get(topicId);
    if (debt === undefined) return 0;
    const left = rate === undefined ? 0 : debt.bytes - ((nowMs - debt.atMs) * rate) / 1000;
    if (rate === undefined || left <= 0) {
      this.#debts.delete(topicId);
      return 0;
    }
    debt.bytes = left;
    debt.atMs = nowMs;
    return Math.min(maxWaitMs, Math.ceil((left * 1000) / rate));
  }

  /** So much of the topic is on its way. */
  moved(topicId: string, bytes: number, nowMs: number): void {
    if (bytes === 0) return;
    const debt = this.#debts.get(topicId);
    if (debt === undefined) this.#debts.set(topicId, { bytes, atMs: nowMs });
    else debt.bytes += bytes;
  }
}
