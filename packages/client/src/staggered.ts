import type { Clock, Timer } from '@millrace/base';

export interface StaggeredOptions {
  readonly clock: Clock;
  /** How long an attempt may take before the next one is begun beside it. */
  readonly staggerMs: number;
  /** False ends it with the last error: there is no time left, or nobody wants the result. */
  readonly mayGoOn: () => boolean;
}

/**
 * Makes one attempt after the other until one works. A failure begins the next at once; one that only takes long, as
 * with a node that was cut off, is joined by the next. Rejects with the last error when all have failed.
 */
export function staggered<Result>(
  attempts: readonly (() => Promise<Result>)[],
  options: StaggeredOptions,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let begun = 0;
    let running = 0;
    let isSettled = false;
    let timer: Timer | undefined;

    const begin = (): void => {
      timer?.cancel();
      timer = undefined;
      const attempt = attempts[begun];
      if (attempt === undefined) return;
      begun += 1;
      running += 1;
      attempt().then(win, lose);
      if (begun < attempts.length) timer = options.clock.schedule(options.staggerMs, begin);
    };
    const settle = (): void => {
      isSettled = true;
      timer?.cancel();
    };
    const win = (result: Result): void => {
      if (isSettled) return;
      settle();
      resolve(result);
    };
    const lose = (error: Error): void => {
      running -= 1;
      if (isSettled) return;
      if (begun < attempts.length && options.mayGoOn()) {
        begin();
      } else if (running === 0 || !options.mayGoOn()) {
        settle();
        reject(error);
      }
    };
    begin();
  });
}
