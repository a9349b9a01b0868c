/** Calls back when no promise callback is left, of those that wait now and of those that they set off. */
export function afterMicrotasks(callback: () => void): void {
  // Ticks come when the queue of promise callbacks is empty; asked for in a tick, one would come before they begin.
  queueMicrotask(() => {
    process.nextTick(callback);
  });
}
