/** Hands out producer ids from blocks that the controller gave this node; asks for the next block when one is used up. */
import type { ControllerGateway, ProducerIdBlock } from './controller-gateway.js';

export class ProducerIds {
  readonly #controller: Pick<ControllerGateway, 'allocateProducerIds'>;
  #next = 0;
  #end = 0;
  /** The block on its way, which all who wait share. */
  #allocation: Promise<ProducerIdBlock> | undefined;

  constructor(controller: Pick<ControllerGateway, 'allocateProducerIds'>) {
    this.#controller = controller;
  }

  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#allocation ??= this.#controller.allocateProducerIds().finally(() => {
        this.#allocation = undefined;
      });
      const block = await this.#allocation;
      // Of all who waited for this block, the first one takes it over.
      if (this.#next === this.#end && block.first >= this.#end) {
        this.#next = block.first;
        this.#end = block.first + block.count;
      }
    }
    return this.#next++;
  }
}
