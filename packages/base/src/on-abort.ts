/**
 * Listeners for the end of many waits that share one `AbortSignal`. The signal itself gets one listener for all of them.
 *
 * A program may give thousands of calls the same signal, and so does a consumer or producer that closes. As listeners of the
 * signal each of them would be searched for in a linked list when it is taken away again, and Node would warn of a leak from the
 * eleventh on.
 */
class AbortListeners {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<() => void>();
  readonly #tellAll = (): void => {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
    listenersOf.delete(this.#signal);
  };

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener('abort', this.#tellAll, { once: true });
  }

  add(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Without listeners nothing is left at the signal: it may outlive everybody who waited with it. */
  remove(listener: () => void): void {
    if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
    this.#signal.removeEventListener('abort', this.#tellAll);
    listenersOf.delete(this.#signal);
  }
}

const listenersOf = new WeakMap<AbortSignal, AbortListeners>();

/** `listener`, which must not throw, is called once when the signal aborts, in the order of adding; never when it has aborted already. */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  if (signal.aborted) return;
  let listeners = listenersOf.get(signal);
  if (listeners === undefined) {
    listeners = new AbortListeners(signal);
    listenersOf.set(signal, listeners);
  }
  listeners.add(listener);
}

/** Takes a listener away again; does nothing when it is not there any more. */
export function offAbort(signal: AbortSignal, listener: () => void): void {
  listenersOf.get(signal)?.remove(listener);
}
