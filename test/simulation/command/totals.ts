import { allMarks, Marks } from '../report/marks.js';
import type { SeedReport } from './seed-report.js';

/** Sums over all seeds of a command. */
export class Totals {
  readonly marks = new Marks();
  readonly #faults = new Marks();
  seeds = 0;
  repeated = 0;
  broken = 0;
  #events = 0;
  #virtualMs = 0;
  #sends = 0;
  #reads = 0;

  add(report: SeedReport): void {
    this.seeds += 1;
    if (report.isRepeated) this.repeated += 1;
    if (report.violations.length > 0) this.broken += 1;
    this.#events += report.events;
    this.#virtualMs += report.virtualMs;
    this.#sends += report.sends;
    this.#reads += report.reads;
    // How many seeds hit a mark says more than how often one seed did.
    for (const [name, count] of report.marks) this.marks.hit(name, Math.min(count, 1));
    this.#faults.add(report.faults);
  }

  /** One line. */
  progress(realMs: number): string {
    const seconds = realMs / 1000;
    return `${seconds.toFixed(0)} s: ${this.seeds} seeds, ${this.#events} events, ${(this.seeds / seconds).toFixed(1)} seeds a second`;
  }

  text(realMs: number): string {
    const faults = this.#faults
      .entries()
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([kind, count]) => `${kind} ${count}`);
    const marks = allMarks.map((name) => ({ name, count: this.marks.count(name) }));
    const hit = marks.filter(({ count }) => count > 0).length;
    const least = marks.sort((a, b) => a.count - b.count || (a.name < b.name ? -1 : 1)).slice(0, 5);
    const perSecond = (1000 * this.seeds) / Math.max(realMs, 1);
    return [
      `${this.seeds} seeds in ${(realMs / 1000).toFixed(1)} s (${perSecond.toFixed(1)} a second), ` +
        `${this.repeated} of them twice; ${this.broken} broke a promise`,
      `${this.#events} events, ${(this.#virtualMs / 3_600_000).toFixed(2)} hours of virtual time, ` +
        `${this.#sends} records sent, ${this.#reads} read`,
      `faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`,
      `marks hit: ${hit} of ${marks.length}; by the fewest seeds: ${least.map(({ name, count }) => `${name} ${count}`).join(', ')}`,
      this.broken === 0 && this.seeds > 0
        ? `95 % upper bound on the share of seeds that would fail: ${(300 / this.seeds).toFixed(3)} %`
        : '',
    ]
      .filter((line) => line !== '')
      .join('\n');
  }
}
