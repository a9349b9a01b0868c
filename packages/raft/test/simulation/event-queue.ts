/** Virtual time: callbacks in order of due time, then of scheduling. A binary heap. */
interface Scheduled {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

export class EventQueue {
  #heap: Scheduled[] = [];
  #count = 0;
  nowMs = 0;

  schedule(delayMs: number, run: () => void): void {
    const item = { atMs: this.nowMs + Math.max(delayMs, 0), order: this.#count++, run };
    let index = this.#heap.length;
    this.#heap.push(item);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const other = this.#heap[parent];
      if (other === undefined || isBefore(other, item)) break;
      this.#heap[index] = other;
      index = parent;
    }
    this.#heap[index] = item;
  }

  /** Runs one event that is due by `untilMs`; returns false, at `untilMs`, when there is none. */
  runNext(untilMs: number): boolean {
    const first = this.#heap[0];
    if (first === undefined || first.atMs > untilMs) {
      this.nowMs = untilMs;
      return false;
    }
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    this.nowMs = first.atMs;
    first.run();
    return true;
  }

  #sink(item: Scheduled): void {
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const left = this.#heap[child];
      if (left === undefined) break;
      let smaller = left;
      const right = this.#heap[child + 1];
      if (right !== undefined && isBefore(right, left)) {
        smaller = right;
        child += 1;
      }
      if (isBefore(item, smaller)) break;
      this.#heap[index] = smaller;
      index = child;
    }
    this.#heap[index] = item;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
