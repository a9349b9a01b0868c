/**
 * The log under a state machine, whatever makes it durable: one synced local log, a Raft log, a replicated partition.
 *
 * Entries have positions 0, 1, 2, ... without gaps; a position passed to or returned from these methods is "the end
 * before which": everything at a smaller position.
 *
 * Invariant: `startPosition <= committedPosition <= endPosition`; `committedPosition` never falls.
 */
export interface CommittedLog<Entry> {
  /** Where the log begins; entries before it were dropped because a snapshot holds their effect. */
  readonly startPosition: number;
  readonly committedPosition: number;
  readonly endPosition: number;
  /**
   * Set by the host. Called when this log is no longer the one that decides what is appended, before it takes in an
   * entry of anybody else: positions alone would not tell the host that other entries have taken the place of its own.
   */
  onLost: ((reason: unknown) => void) | undefined;
  /**
   * Appends entries that survive together or not at all, and returns the new end position. Throws when it cannot; the
   * end position is then either unchanged, and nothing happened, or the log counts as lost.
   */
  append(entries: readonly Entry[]): number;
  /**
   * Resolves when everything before `position` is committed. Rejects when that will never be known here: the entries may
   * or may not survive.
   */
  committed(position: number): Promise<void>;
  /**
   * Resolves when everything appended before the call is committed and this log was still the one that decides what
   * is appended at some moment after the call: what a linearizable read waits for.
   */
  barrier(): Promise<void>;
  /**
   * Gives every committed entry from position `from` on, in order, and resolves with the position reached: the end
   * of the log. Entries that are in the log and not committed yet are committed first, or are no longer there.
   */
  replay(from: number, apply: (entry: Entry, position: number) => void): Promise<number>;
  /** Allows the log to forget entries before `position`; a durable snapshot holds their effect. */
  advanceStart(position: number): void | Promise<void>;
}
