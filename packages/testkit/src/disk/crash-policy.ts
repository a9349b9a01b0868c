/** What becomes of unsynced things when the power goes. */
export type Fate =
  /** All of it is there. */
  | 'kept'
  /** None of it is there. */
  | 'lost'
  /** Each dirty page is cut: part of it is as it was before, or between, the unsynced writes. */
  | 'torn'
  /** Each file, page and directory entry draws its own fate; pages may also hold garbage where unsynced bytes were. */
  | 'random';

export interface CrashPolicy {
  /** Fate of written bytes and of file sizes. */
  readonly unsynced: Fate;
  /**
   * Fate of directory entries; as `unsynced` when absent, where `torn` keeps a prefix of the entry operations: file
   * systems with a journal keep their order.
   */
  readonly entries?: Fate;
}

export function crashPolicy(policy: CrashPolicy | Fate): Required<CrashPolicy> {
  const full = typeof policy === 'string' ? { unsynced: policy } : policy;
  return { unsynced: full.unsynced, entries: full.entries ?? full.unsynced };
}
