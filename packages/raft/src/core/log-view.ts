/**
 * The log as the core sees it: all entries since the last snapshot, in memory.
 *
 *     start                                   end
 *       | entry | entry |  entry  | entry |
 *       ^ startTerm: term of the entry that ended here
 *
 * Invariants: entries are contiguous; terms never fall; (position, term) decides the entry and all before it.
 */
import { assert } from '@millrace/base';
import { entryEnd, entrySizeBytes, type RaftEntry } from '../entry.js';
import type { LogStart } from '../snapshot.js';

export class LogView {
  #start: number;
  #startTerm: number;
  #entries: RaftEntry[];

  constructor(start: LogStart, entries: readonly RaftEntry[]) {
    this.#start = start.position;
    this.#startTerm = start.term;
    this.#entries = [];
    for (const entry of entries) this.append(entry);
  }

  get start(): number {
    return this.#start;
  }

  get end(): number {
    const last = this.#entries.at(-1);
    return last === undefined ? this.#start : entryEnd(last);
  }

  get lastTerm(): number {
    return this.#entries.at(-1)?.term ?? this.#startTerm;
  }

  /** Term of the entry that the position before `position` is in; undefined outside the log. */
  termBefore(position: number): number | undefined {
    if (position === this.#start) return this.#startTerm;
    if (position < this.#start || position > this.end) return undefined;
    return this.#entries[this.#indexAt(position - 1)]?.term;
  }

  /** The entry that begins at `position`. */
  entryAt(position: number): RaftEntry | undefined {
    if (position < this.#start || position >= this.end) return undefined;
    const entry = this.#entries[this.#indexAt(position)];
    return entry?.position === position ? entry : undefined;
  }

  /** The last place between two entries that is not after `position`. */
  boundaryBefore(position: number): number {
    if (position <= this.#start || position >= this.end) return Math.min(position, this.end);
    return this.#entries[this.#indexAt(position)]?.position ?? this.#start;
  }

  /** Entries that begin at or after `from` and end by `to`; no more than `maxBytes`, but at least one. */
  entries(from: number, to = this.end, maxBytes = Infinity): RaftEntry[] {
    if (from >= to) return [];
    const result: RaftEntry[] = [];
    let bytes = 0;
    for (let index = this.#indexAt(from); index < this.#entries.length; index += 1) {
      const entry = this.#entries[index];
      if (entry === undefined || entryEnd(entry) > to) break;
      bytes += entrySizeBytes(entry);
      if (result.length > 0 && bytes > maxBytes) break;
      result.push(entry);
    }
    assert(result[0]?.position === from, `no entry begins at ${from}`);
    return result;
  }

  append(entry: RaftEntry): void {
    assert(entry.position === this.end, `an entry for ${entry.position} comes to a log that ends at ${this.end}`);
    assert(entry.records.length > 0, `the entry at ${entry.position} has no records`);
    assert(entry.term >= this.lastTerm, `an entry of term ${entry.term} comes after term ${this.lastTerm}`);
    this.#entries.push(entry);
  }

  truncateTo(end: number): void {
    assert(end >= this.#start && end <= this.end, `a log of ${this.#start} to ${this.end} is cut at ${end}`);
    if (end === this.end) return;
    const index = this.#indexAt(end);
    assert(this.#entries[index]?.position === end, `a cut at ${end} would go through an entry`);
    this.#entries.length = index;
  }

  advanceStart(position: number): void {
    const term = this.termBefore(position);
    assert(term !== undefined, `a log of ${this.#start} to ${this.end} cannot start at ${position}`);
    assert(this.boundaryBefore(position) === position, `a start at ${position} would go through an entry`);
    this.#entries.splice(0, position === this.end ? this.#entries.length : this.#indexAt(position));
    this.#start = position;
    this.#startTerm = term;
  }

  /** Throws everything away for a snapshot. */
  reset(start: LogStart): void {
    this.#start = start.position;
    this.#startTerm = start.term;
    this.#entries = [];
  }

  /**
   * The last place that can match a log whose entry before `position` is of term `term`: the largest boundary not after
   * `position` with an entry of at most that term before it. Skipping whole terms makes a leader find the common prefix in
   * one exchange per term and not per entry. Below the start when there is none.
   */
  lastMatch(position: number, term: number): number {
    if (position < this.#start) return position;
    let match = this.boundaryBefore(position);
    for (;;) {
      const termBefore = this.termBefore(match);
      assert(termBefore !== undefined, `no term before ${match}`);
      if (termBefore <= term) return match;
      if (match === this.#start) return match - 1;
      match = this.#entries[this.#indexAt(match - 1)]?.position ?? this.#start;
    }
  }

  #indexAt(position: number): number {
    let low = 0;
    let high = this.#entries.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((this.#entries[middle]?.position ?? Infinity) <= position) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
