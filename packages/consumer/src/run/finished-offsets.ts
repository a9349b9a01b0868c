/**
 * Which records of one partition are finished when they do not finish in order. Pure.
 *
 *     log   ... done [unfinished] done done [unfinished] | end ...
 *                    └ committable                       └ nothing from here on was begun with
 *
 * Invariants: offsets are added in rising order; everything before `committable` is finished, and the record there is
 * not (or is the end); `committable` never goes back. What is remembered is as long as the distance between the two.
 */
import { assert } from '@millrace/base';

export class FinishedOffsets {
  #end: number;
  /** Offsets added and not known to be done with all before them, in order; those before `#head` are over. */
  #offsets: number[] = [];
  #isFinished: boolean[] = [];
  #head = 0;
  /** How many were taken off the front of the arrays: a ticket counts from the very first. */
  #shifted = 0;

  constructor(position: number) {
    this.#end = position;
  }

  /** Everything before this offset is finished. */
  get committable(): number {
    return this.#offsets[this.#head] ?? this.#end;
  }

  get end(): number {
    return this.#end;
  }

  /** Records between `committable` and the end, finished or not. */
  get size(): number {
    return this.#offsets.length - this.#head;
  }

  /** The next record of the partition. What it returns is for `finish`. */
  add(offset: number): number {
    assert(offset >= this.#end, `offset ${offset} comes after ${this.#end}`);
    this.#end = offset + 1;
    this.#isFinished.push(false);
    return this.#shifted + this.#offsets.push(offset) - 1;
  }

  finish(ticket: number): void {
    const index = ticket - this.#shifted;
    assert(index >= this.#head && this.#isFinished[index] === false, 'a record that was added is finished once');
    this.#isFinished[index] = true;
    while (this.#isFinished[this.#head] === true) this.#head += 1;
    if (this.#head === this.#offsets.length) this.#drop(this.#head);
    else if (this.#head >= 1024 && this.#head * 2 >= this.#offsets.length) this.#drop(this.#head);
  }

  /** There is no record between the end and `offset`. */
  skipTo(offset: number): void {
    this.#end = Math.max(this.#end, offset);
  }

  /** Records from `offset` on were not begun with, and will not be. */
  cut(offset: number): void {
    let length = this.#offsets.length;
    while (length > this.#head && (this.#offsets[length - 1] as number) >= offset) {
      assert(this.#isFinished[length - 1] === false, 'what is finished is not cut off');
      length -= 1;
    }
    this.#offsets.length = length;
    this.#isFinished.length = length;
    this.#end = Math.min(this.#end, offset);
  }

  #drop(count: number): void {
    this.#offsets = this.#offsets.slice(count);
    this.#isFinished = this.#isFinished.slice(count);
    this.#shifted += count;
    this.#head -= count;
  }
}
