/** Progress on standard error, for people only: nothing is printed when it is not a terminal. */
import { formatCount } from './print.js';

export interface Progress {
  stop(): void;
}

const refreshMs = 200;

/** A count that grows without a known end. */
export function countProgress(what: string, read: () => number): Progress {
  if (!process.stderr.isTTY) return { stop: () => undefined };
  const startedMs = performance.now();
  const draw = (): void => {
    const count = read();
    const perSecond = count / Math.max(0.001, (performance.now() - startedMs) / 1000);
    process.stderr.write(`\r${formatCount(count)} ${what}, ${formatCount(Math.round(perSecond))}/s\u001b[K`);
  };
  const timer = setInterval(draw, refreshMs);
  return {
    stop: () => {
      clearInterval(timer);
      process.stderr.write('\r\u001b[K');
    },
  };
}
