/** Hands out producer ids from blocks that the controller gave this node; asks for the next block when one is used up. */
import type { ProducerIdBlock } from './controller-gateway.js';

export class ProducerIds {
  readonly #allocate: () => Promise<ProducerIdBlock>;
  #next = 0;
  #end = 0;
  /** The block on its way, which all who wait share. */
  #allocation: Promise<void> | undefined;

  constructor(allocate: () => Promise<ProducerIdBlock>) {
    this.#allocate = allocate;
  }

  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#allocation ??= this.#takeBlock();
      await this.#allocation;
    }
    return this.#next++;
  }

  async #takeBlock(): Promise<void> {
    try {
      const { first, count } = await this.#allocate();
      this.#next = first;
      this.#end = first + count;
    } finally {
      this.#allocation = undefined;
    }
  }
}
