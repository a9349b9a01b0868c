/**
 * How many bytes become readable as the high watermark moves: what a waiting fetch counts.
 *
 *     marks   | end offset of an append, bytes appended up to there |  ...     oldest first, those not readable yet
 *
 * Appends of which only a part is committed count when the rest is: an append is committed as a whole.
 */
export class VisibleBytes {
  #appended = 0;
  #visible = 0;
  readonly #ends: number[] = [];
  readonly #totals: number[] = [];
  /** Marks before it are used up. */
  #head = 0;

  /** Grows with the high watermark: two values tell how much became readable between them. */
  get total(): number {
    return this.#visible;
  }

  /** Grows with the end of the log. */
  get appended(): number {
    return this.#appended;
  }

  append(endOffset: number, bytes: number): void {
    this.#appended += bytes;
    this.#ends.push(endOffset);
    this.#totals.push(this.#appended);
  }

  /** Returns how many bytes became readable. */
  advance(highWatermark: number): number {
    const before = this.#visible;
    while (this.#head < this.#ends.length && this.#ends[this.#head]! <= highWatermark) {
      this.#visible = this.#totals[this.#head++]!;
    }
    if (this.#head === this.#ends.length) this.#clearMarks();
    else if (this.#head > 1024) {
      this.#ends.splice(0, this.#head);
      this.#totals.splice(0, this.#head);
      this.#head = 0;
    }
    return this.#visible - before;
  }

  /** The log was cut, or is led by another: what was not readable yet is not counted any more. */
  forgetUncommitted(): void {
    this.#visible = this.#appended;
    this.#clearMarks();
  }

  #clearMarks(): void {
    this.#ends.length = 0;
    this.#totals.length = 0;
    this.#head = 0;
  }
}
