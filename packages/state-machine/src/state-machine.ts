/**
 * A coordinator as a pure function of its log.
 *
 *     decide(state, command, now) -> { entries, reply }      looks, never touches
 *     apply(state, entry, position) -> state                 the only way that state changes
 *
 * Both are synchronous and pure: no clock, no randomness, no I/O, and no change of what they are given. States are
 * immutable values. That is what lets a host decide on top of entries that are not committed yet and still show
 * readers the committed state, and drop the former without a trace when the log is lost.
 *
 * `apply` must accept every entry that `decide` ever made, in this release or an earlier one, and must give the same
 * state for the same entries at the same positions: a replay is the state.
 */
export interface StateMachine<State, Command, Entry, Reply> {
  initial(): State;
  /**
   * May throw a typed error to refuse the whole command. A random value that a decision needs (an id) comes in with the
   * command. `position` is where the first of its entries will be: not always right after the last one applied, for a
   * log may have entries of its own.
   */
  decide(state: State, command: Command, nowMs: number, position: number): Decision<Entry, Reply>;
  /** `position` is the entry's own place in the log, from 0. */
  apply(state: State, entry: Entry, position: number): State;
}

export interface Decision<Entry, Reply> {
  /** Committed together or not at all. Empty when there is nothing to change. */
  readonly entries: readonly Entry[];
  readonly reply: Reply;
}
