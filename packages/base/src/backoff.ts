import { assert } from './assert.js';
import type { RandomStream } from './environment/random.js';

/** How long to wait between attempts: doubling from `initialMs` up to `maxMs`. */
export interface Backoff {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Share of the wait that is random, 0 to 1: 0.2 spreads it evenly over -20 % to +20 %. */
  readonly jitter: number;
}

/**
 * The wait before attempt `attempt` (1 = the first one after a failure). Jitter keeps clients that failed together
 * from coming back together; with it the wait never exceeds `maxMs`.
 */
export function backoffMs(attempt: number, backoff: Backoff, random: RandomStream): number {
  assert(attempt >= 1, `attempts count from 1, got ${attempt}`);
  assert(backoff.jitter >= 0 && backoff.jitter <= 1, `jitter must be from 0 to 1, got ${backoff.jitter}`);
  // 2 ** 52 is past every maximum; a bigger exponent would only turn the product into Infinity.
  const exact = backoff.initialMs * 2 ** Math.min(attempt - 1, 52);
  const spread = 1 + backoff.jitter * (2 * random.fraction() - 1);
  return Math.min(exact * spread, backoff.maxMs);
}
