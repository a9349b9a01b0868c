/** Ends a wait when nothing has come for a while, or when the user stops the command. */
import { MillraceError } from '@millrace/base';

export class IdleStop {
  readonly #controller = new AbortController();
  readonly #idleMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(idleMs: number | undefined, stopped: AbortSignal) {
    this.#idleMs = idleMs;
    const stop = (): void => {
      this.#controller.abort(stopped.reason);
    };
    if (stopped.aborted) stop();
    else stopped.addEventListener('abort', stop, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Counting begins: until then, finding the topic and its leaders is no silence. */
  start(): void {
    const idleMs = this.#idleMs;
    if (idleMs === undefined || this.signal.aborted) return;
    this.#timer = setTimeout(() => {
      this.#controller.abort(new MillraceError('INTERRUPTED', `No record for ${idleMs} ms`));
    }, idleMs);
  }

  /** A record came: the wait starts anew. */
  touch(): void {
    this.#timer?.refresh();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
