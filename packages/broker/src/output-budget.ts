/**
 * What the replies of all connections of a listener may hold together.
 *
 *     |######## held ########............ shared ............|............ for small replies ............| maxBytes
 *
 * One connection may hold an eighth of what is left of the shared half, but always a small reply. So a few slow readers
 * may hold much, of many each gets little, and who reads what it asked for finds room beside them. Only when small replies
 * alone have filled everything does the next reader wait for another to take its own; connections cut off who takes too
 * little then.
 *
 * Invariant: what is counted is the sum of what the rooms last reported. A room that waits in the line holds less than a
 * small reply.
 */
const sharedPart = 1 / 2;
const shareOfLeft = 1 / 8;
export const smallReplyBytes = 64 * 1024;

/** One connection's part. */
interface Room {
  /** Reports what it holds now. */
  recount(): void;
  /** There may be room for who waits. */
  wake(): void;
}

export class OutputBudget {
  readonly #maxBytes: number;
  readonly #holders = new Set<Room>();
  readonly #line = new Set<Room>();
  #heldBytes = 0;
  #isWaking = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** What one connection may hold, as long as there is room at all. */
  get shareBytes(): number {
    return Math.max(smallReplyBytes, (this.#maxBytes * sharedPart - this.#heldBytes) * shareOfLeft);
  }

  get isFull(): boolean {
    return this.#heldBytes >= this.#maxBytes;
  }

  get isContended(): boolean {
    return this.#line.size > 0 && this.isFull;
  }

  /** Whether one more small reply may be made. Looks again at what all hold before it says no. */
  hasRoom(): boolean {
    if (this.isFull) for (const room of this.#holders) room.recount();
    return !this.isFull;
  }

  /** A room holds `bytes` now, and held `before` when it last said so. */
  report(room: Room, bytes: number, before: number): void {
    this.#heldBytes += bytes - before;
    if (bytes > 0) this.#holders.add(room);
    else this.#holders.delete(room);
    if (bytes < before) this.#wakeLine();
  }

  /** It is woken when there is room; the first come first. */
  waitInLine(room: Room): void {
    this.#line.add(room);
  }

  #wakeLine(): void {
    // Those that are woken report what they take, and come back into the line only when that was all there was.
    if (this.#isWaking) return;
    this.#isWaking = true;
    for (const room of this.#line) {
      if (this.isFull) break;
      this.#line.delete(room);
      room.wake();
    }
    this.#isWaking = false;
  }
}
