/**
 * One entry of the log: records that were appended together and survive together or not at all.
 *
 *     position      4     5     6     7
 *                 +-----------+-----+-----------+
 *     entry       | records 2 |  1  | records 2 |        end of the log: 8
 *                 +-----------+-----+-----------+
 *
 * Each record takes one position; an entry takes `records.length` of them, at least one. Log, votes, replication and
 * commit only ever end between entries, never inside one. A position passed around is "the end before which".
 *
 * Invariant: (position, term) names one entry in the whole cluster, for ever, and everything before it.
 */
export interface RaftEntry {
  /** Of its first record. */
  readonly position: number;
  readonly term: number;
  readonly kind: EntryKind;
  /** Opaque, except for kind `membership`. A term's first entry has one empty record. */
  readonly records: readonly Uint8Array[];
}

/**
 * - `records`: what a state machine appended;
 * - `term`: the first entry of a leader, which lets it commit what earlier terms left;
 * - `membership`: one record, the set of voters from here on.
 */
export type EntryKind = 'records' | 'term' | 'membership';

export function entryEnd(entry: RaftEntry): number {
  return entry.position + entry.records.length;
}

/** What an entry counts for in limits: its bytes, and a share for its own head on wire and disk. */
export function entrySizeBytes(entry: RaftEntry): number {
  let bytes = entryOverheadBytes;
  for (const record of entry.records) bytes += record.length + recordOverheadBytes;
  return bytes;
}

const entryOverheadBytes = 64;
const recordOverheadBytes = 8;
