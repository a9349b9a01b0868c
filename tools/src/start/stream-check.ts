/** The check that the log kept its promise: each flight came back exactly once, and in order for each origin. */
import type { Flight } from './flights.js';

export class StreamCheck {
  readonly #seen: Uint8Array;
  readonly #lastByOrigin = new Map<string, number>();
  received = 0;
  repeated = 0;
  outOfOrder = 0;
  foreign = 0;

  constructor(expected: number) {
    this.#seen = new Uint8Array(expected);
  }

  add(flight: Flight, key: string): void {
    this.received += 1;
    if (!(flight.n >= 0 && flight.n < this.#seen.length) || key !== flight.origin) {
      this.foreign += 1;
      return;
    }
    if (this.#seen[flight.n] === 1) this.repeated += 1;
    this.#seen[flight.n] = 1;
    if (flight.n <= (this.#lastByOrigin.get(key) ?? -1)) this.outOfOrder += 1;
    this.#lastByOrigin.set(key, flight.n);
  }

  get missing(): number {
    return this.#seen.reduce((count, seen) => count + (seen === 0 ? 1 : 0), 0);
  }

  get passed(): boolean {
    return this.missing === 0 && this.repeated === 0 && this.outOfOrder === 0 && this.foreign === 0;
  }
}
