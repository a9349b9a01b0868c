const settled = Promise.resolve();

/** Calls back when no promise callback is left, of those that wait now and of those that they set off. */
export function afterMicrotasks(callback: () => void): void {
  // Ticks come when the queue of promise callbacks is empty; asked for in a tick, one would come before they begin.
  // A promise's callback, because one of `queueMicrotask` costs several times as much.
  void settled.then(() => {
    process.nextTick(callback);
  });
}
