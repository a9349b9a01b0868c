/**
 * Which membership holds at which position: the one the log starts with, and each `membership` entry after it.
 *
 * Invariant: positions strictly increase; the first element is the start of the log and is never removed.
 */
import { assert } from '@millrace/base';
import { decodeMembership, type Membership } from '../membership.js';
import { entryEnd, type RaftEntry } from '../entry.js';
import type { LogStart } from '../snapshot.js';

interface Change {
  /** End of the entry: a log cut there or later has it. */
  readonly position: number;
  readonly membership: Membership;
}

export class MembershipHistory {
  #changes: Change[];

  constructor(start: LogStart, entries: readonly RaftEntry[]) {
    this.#changes = [{ position: start.position, membership: start.membership }];
    for (const entry of entries) this.append(entry);
  }

  /** The membership that counts: the last one in the log, committed or not. */
  get latest(): Membership {
    return this.#last().membership;
  }

  /** The position to which the log must be committed for the latest change to be. */
  get latestPosition(): number {
    return this.#last().position;
  }

  /** The membership according to everything before `position`. */
  at(position: number): Membership {
    const change = this.#changes.findLast((candidate) => candidate.position <= position);
    assert(change !== undefined, `the membership at ${position} was forgotten`);
    return change.membership;
  }

  append(entry: RaftEntry): void {
    if (entry.kind !== 'membership') return;
    const record = entry.records[0];
    assert(
      record !== undefined && entry.records.length === 1,
      `the membership entry at ${entry.position} is malformed`,
    );
    this.#changes.push({ position: entryEnd(entry), membership: decodeMembership(record) });
  }

  truncateTo(end: number): void {
    this.#changes = this.#changes.filter((change, index) => index === 0 || change.position <= end);
  }

  advanceStart(position: number): void {
    const membership = this.at(position);
    this.#changes = [{ position, membership }, ...this.#changes.filter((change) => change.position > position)];
  }

  reset(start: LogStart): void {
    this.#changes = [{ position: start.position, membership: start.membership }];
  }

  #last(): Change {
    const last = this.#changes.at(-1);
    assert(last !== undefined, 'a membership history is empty');
    return last;
  }
}
