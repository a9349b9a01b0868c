/** What the consumer computes from the stream: delays by origin. */
import Table from 'cli-table3';
import pc from 'picocolors';
import type { Flight } from './flights.js';

interface Origin {
  flights: number;
  late: number;
  delaySum: number;
  worst: number;
  readonly destinations: Map<string, number>;
}

const lateMinutes = 15;
const rowsShown = 10;

export class DelaysByOrigin {
  readonly #origins = new Map<string, Origin>();

  add(flight: Flight): void {
    let origin = this.#origins.get(flight.origin);
    if (origin === undefined) {
      origin = { flights: 0, late: 0, delaySum: 0, worst: 0, destinations: new Map() };
      this.#origins.set(flight.origin, origin);
    }
    origin.flights += 1;
    origin.delaySum += flight.delay;
    if (flight.delay > lateMinutes) origin.late += 1;
    if (flight.delay > origin.worst) origin.worst = flight.delay;
    origin.destinations.set(flight.destination, (origin.destinations.get(flight.destination) ?? 0) + 1);
  }

  get originCount(): number {
    return this.#origins.size;
  }

  /** The busiest origins as a table. */
  table(): string {
    const table = new Table({
      head: ['Origin', 'Flights', 'Late > 15 min', 'Mean delay', 'Worst delay', 'Busiest route'].map((text) =>
        pc.bold(text),
      ),
      colAligns: ['left', 'right', 'right', 'right', 'right', 'left'],
      style: { head: [], border: [], compact: true },
    });
    const busiest = [...this.#origins].sort(([, a], [, b]) => b.flights - a.flights).slice(0, rowsShown);
    for (const [name, origin] of busiest) {
      const [destination = '-', count = 0] = [...origin.destinations].sort(([, a], [, b]) => b - a)[0] ?? [];
      table.push([
        name,
        origin.flights.toLocaleString('en-US'),
        `${((100 * origin.late) / origin.flights).toFixed(1)} %`,
        `${(origin.delaySum / origin.flights).toFixed(1)} min`,
        `${origin.worst} min`,
        `${name} \u2192 ${destination} (${count})`,
      ]);
    }
    return table.toString();
  }
}
