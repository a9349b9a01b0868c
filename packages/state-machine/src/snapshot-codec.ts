/**
 * How the owner of a state writes it down: the encoding is its business, the file around it is not.
 *
 * Invariant: equal states encode to equal bytes (write maps in a fixed order), and
 * `decode(encode(state), position)` equals `state` as it stood before `position`.
 */
export interface SnapshotCodec<State> {
  encode(state: State): Iterable<Uint8Array>;
  /** Throws when the chunks do not hold a state. `position` is the end of the entries that the state holds. */
  decode(chunks: readonly Uint8Array[], position: number): State;
}
