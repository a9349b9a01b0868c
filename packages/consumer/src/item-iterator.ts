// hot path
/**
 * Turns "give me what is there, or undefined" into an async iterator. What is there is returned in a resolved promise
 * at once; an async generator would cost three times as much for each record.
 */
import { offAbort, onAbort } from '@millrace/base';

export interface IteratorSource<Item> {
  /** The next item; undefined when none is there now. */
  readonly take: () => Item | undefined;
  /** Resolves when something may be there. */
  readonly news: () => Promise<void>;
  /** Wakes everybody who waits for news. */
  readonly wake: () => void;
  readonly isOver: () => boolean;
  /** The program asks for the next item, and may have to wait for it. */
  readonly onAsk: () => void;
  /** The program has stopped iterating. */
  readonly onReturn: () => void;
}

export class ItemIterator<Item> implements AsyncIterableIterator<Item> {
  readonly #source: IteratorSource<Item>;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort: () => void;
  #isEnded = false;

  constructor(source: IteratorSource<Item>, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#signal = signal;
    this.#onAbort = () => source.wake();
    if (signal !== undefined) onAbort(signal, this.#onAbort);
  }

  next(): Promise<IteratorResult<Item, undefined>> {
    try {
      if (this.#signal?.aborted !== true && !this.#isEnded && !this.#source.isOver()) {
        const value = this.#source.take();
        if (value !== undefined) return Promise.resolve({ done: false, value });
      }
    } catch (error) {
      const reason = error as Error;
      return Promise.reject(reason);
    }
    return this.#wait();
  }

  return(): Promise<IteratorResult<Item, undefined>> {
    this.#end();
    this.#source.onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #wait(): Promise<IteratorResult<Item, undefined>> {
    this.#source.onAsk();
    for (;;) {
      if (this.#signal?.aborted === true) {
        this.#end();
        throw this.#signal.reason;
      }
      if (this.#isEnded || this.#source.isOver()) {
        this.#end();
        return { done: true, value: undefined };
      }
      const value = this.#source.take();
      if (value !== undefined) return { done: false, value };
      await this.#source.news();
    }
  }

  #end(): void {
    this.#isEnded = true;
    if (this.#signal !== undefined) offAbort(this.#signal, this.#onAbort);
  }
}
