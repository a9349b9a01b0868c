/** Events of a simulation, and the heap that orders them. */
import type { Incarnation } from './incarnation.js';

export interface SimulationEvent {
  timeUs: number;
  /** Drawn at random when the event is made: events of one moment run in an order the seed decides. */
  tie: number;
  sequence: number;
  readonly kind: string;
  /** The process it belongs to: it is dropped when that has ended, and held while that is paused. */
  readonly owner: Incarnation | undefined;
  readonly run: () => void;
  isCancelled: boolean;
}

/** A binary heap: the parent of slot `i` is `(i - 1) >> 1`, and no parent comes after its children. */
export class EventQueue {
  readonly #heap: SimulationEvent[] = [];

  get length(): number {
    return this.#heap.length;
  }

  peek(): SimulationEvent | undefined {
    return this.#heap[0];
  }

  push(event: SimulationEvent): void {
    const heap = this.#heap;
    let slot = heap.length;
    heap.push(event);
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      const above = heap[parent] as SimulationEvent;
      if (!isBefore(event, above)) break;
      heap[slot] = above;
      slot = parent;
    }
    heap[slot] = event;
  }

  pop(): SimulationEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let slot = 0;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as SimulationEvent, heap[child] as SimulationEvent))
        child += 1;
      if (!isBefore(heap[child] as SimulationEvent, last)) break;
      heap[slot] = heap[child] as SimulationEvent;
      slot = child;
    }
    heap[slot] = last;
    return first;
  }
}

function isBefore(a: SimulationEvent, b: SimulationEvent): boolean {
  if (a.timeUs !== b.timeUs) return a.timeUs < b.timeUs;
  return a.tie !== b.tie ? a.tie < b.tie : a.sequence < b.sequence;
}
