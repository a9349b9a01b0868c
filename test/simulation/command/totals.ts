import { allMarks, Marks } from '../report/marks.js';
import type { SeedReport } from './seed-report.js';

/** Sums over all seeds of a command. */
export class Totals {
  readonly marks = new Marks();
  readonly #faults = new Marks();
  readonly #eventsPerSeed: number[] = [];
  readonly #clusters = new Map<number, number>();
  readonly #repeated: [number, string][] = [];
  readonly #broken: SeedReport[] = [];
  seeds = 0;
  #events = 0;
  #virtualMs = 0;
  #sends = 0;
  #reads = 0;

  add(report: SeedReport): void {
    this.seeds += 1;
    if (report.isRepeated) this.#repeated.push([report.seed, report.traceHash]);
    if (report.violations.length > 0) this.#broken.push(report);
    this.#eventsPerSeed.push(report.events);
    this.#clusters.set(report.nodes, (this.#clusters.get(report.nodes) ?? 0) + 1);
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
    const hit = allMarks.filter((name) => this.marks.count(name) > 0).length;
    const broken = this.#broken.length === 0 ? '' : `, ${this.#broken.length} BROKEN`;
    return (
      `${seconds.toFixed(0)} s: ${this.seeds} seeds (${(this.seeds / seconds).toFixed(1)} a second), ` +
      `${this.#events} events, ${hit} of ${allMarks.length} marks${broken}`
    );
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
        `${this.#repeated.length} of them twice; ${this.#broken.length} broke a promise`,
      this.#broken.length === 0 ? '' : `broken: ${this.#broken.map(({ seed }) => seed).join(', ')}`,
      `events of a seed: ${shareText(this.#eventsPerSeed)}`,
      `${this.#events} events in all, ${(this.#virtualMs / 3_600_000).toFixed(2)} hours of virtual time, ` +
        `${this.#sends} records sent, ${this.#reads} read`,
      `faults: ${faults.length === 0 ? 'none' : faults.join(', ')}`,
      `marks hit: ${hit} of ${marks.length}; by the fewest seeds: ${least.map(({ name, count }) => `${name} ${count}`).join(', ')}`,
      this.#broken.length === 0 && this.seeds > 0
        ? `95 % upper bound on the share of seeds that would fail: ${(300 / this.seeds).toFixed(3)} %`
        : '',
    ]
      .filter((line) => line !== '')
      .join('\n');
  }

  /** Everything, to be written down. */
  json(realMs: number): object {
    return {
      seeds: this.seeds,
      seconds: Math.round(realMs / 1000),
      seedsPerSecond: Number(((1000 * this.seeds) / Math.max(realMs, 1)).toFixed(2)),
      events: this.#events,
      eventsPerSeed: sharesOf(this.#eventsPerSeed),
      virtualHours: Number((this.#virtualMs / 3_600_000).toFixed(2)),
      recordsSent: this.#sends,
      recordsRead: this.#reads,
      seedsByNodes: Object.fromEntries([...this.#clusters].sort(([a], [b]) => a - b)),
      faults: Object.fromEntries(this.#faults.entries().sort(([a], [b]) => (a < b ? -1 : 1))),
      seedsByMark: Object.fromEntries(allMarks.map((name) => [name, this.marks.count(name)])),
      violations: this.#broken.map(({ seed, violations }) => ({ seed, violations })),
      // A seed whose two hashes differ is among the violations, as `replay`.
      runTwice: this.#repeated.length,
      hashesOfSeedsRunTwice: Object.fromEntries(this.#repeated.sort(([a], [b]) => a - b)),
    };
  }
}

function sharesOf(counts: readonly number[]): Record<'p10' | 'p50' | 'p90' | 'max', number> {
  const sorted = [...counts].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(Math.floor(share * sorted.length), sorted.length - 1)] ?? 0;
  return { p10: at(0.1), p50: at(0.5), p90: at(0.9), max: at(1) };
}

function shareText(counts: readonly number[]): string {
  const { p10, p50, p90, max } = sharesOf(counts);
  return `${p50} in the median, ${p10} to ${p90} in four fifths, ${max} at most`;
}
