/** A program's machine that sleeps, perhaps for longer than its session or its transaction lasts, and goes on where it was. */
import type { Workload } from './workload.js';

export class MachineSleep {
  readonly #workload: Workload;
  readonly #node: string;
  readonly #name: () => string;
  #isAsleep = false;

  /** `name`: as the time-line calls it. */
  constructor(workload: Workload, node: string, name = (): string => node) {
    this.#workload = workload;
    this.#node = node;
    this.#name = name;
  }

  pause(forMs: number): void {
    if (this.#isAsleep) return;
    const { simulation, timeLine } = this.#workload;
    this.#isAsleep = true;
    timeLine.add(this.#name(), 'is paused');
    simulation.pause(this.#node);
    simulation.after(forMs, () => this.wake());
  }

  wake(): void {
    if (!this.#isAsleep) return;
    this.#isAsleep = false;
    this.#workload.timeLine.add(this.#name(), 'goes on');
    this.#workload.simulation.resume(this.#node);
  }

  /** The machine was started anew: nothing of the sleep is left. */
  forget(): void {
    this.#isAsleep = false;
  }
}
