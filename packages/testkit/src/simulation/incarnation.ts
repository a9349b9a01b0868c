import { assert } from '@millrace/base';
import type { SimulationEvent } from './event-queue.js';

/**
 * One life of a node: from its start to its crash. Timers, sockets and unfinished disk calls belong to it and end with
 * it, so that nothing of a dead process acts on the next one.
 *
 *     running <-> paused (events wait in `held`)
 *        \          /
 *          -> ended
 */
export class Incarnation {
  readonly node: string;
  readonly number: number;
  state: 'running' | 'paused' | 'ended' = 'running';
  /** What would have happened during the pause, in order. */
  held: SimulationEvent[] = [];

  constructor(node: string, number: number) {
    this.node = node;
    this.number = number;
  }

  assertAlive(): void {
    assert(this.state !== 'ended', `life ${this.number} of ${this.node} has ended and touched its environment`);
  }
}
