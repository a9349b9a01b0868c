import type { RandomStream } from '@millrace/base';

/** Draws for plans, by what they mean. */
export class Choice {
  readonly #random: RandomStream;

  constructor(random: RandomStream) {
    this.#random = random;
  }

  /** A whole number, `from <= n <= to`. */
  between(from: number, to: number): number {
    return this.#random.integer(from, to + 1);
  }

  /** A whole number with small ones as likely as large ones: as many from 10 to 100 as from 100 to 1000. */
  magnitude(from: number, to: number): number {
    const low = Math.log(from);
    const high = Math.log(to + 1);
    return Math.min(to, Math.floor(Math.exp(low + (high - low) * this.#random.fraction())));
  }

  chance(share: number): boolean {
    return this.#random.fraction() < share;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[this.#random.integer(0, items.length)] as Item;
  }

  /** Each item with the given chance, but at least one. */
  some<Item>(items: readonly Item[], share: number): Item[] {
    const chosen = items.filter(() => this.chance(share));
    return chosen.length > 0 ? chosen : [this.of(items)];
  }
}
