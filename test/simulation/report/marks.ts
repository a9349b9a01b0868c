/**
 * Reachability marks: rare things that must happen in some seeds, or the checks above them have seen nothing. A mark
 * is a line that the code logs anyway, or an event of the simulator itself; a mark that no seed hits is a hole in the
 * generator.
 */
export class Marks {
  readonly #counts = new Map<string, number>();

  hit(name: string, count = 1): void {
    if (count > 0) this.#counts.set(name, (this.#counts.get(name) ?? 0) + count);
  }

  add(other: Iterable<readonly [string, number]>): void {
    for (const [name, count] of other) this.hit(name, count);
  }

  entries(): [string, number][] {
    return [...this.#counts];
  }

  count(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

/** Log lines that stand for a mark, by their message. */
export const markedLines: Readonly<Record<string, string>> = {
  'cut off the torn end of a log': 'torn-end-cut-off',
  'removed a segment that was never synced': 'unsynced-segment-removed',
  'an index of the active segment was damaged': 'active-index-damaged',
  'making the indexes of a segment anew': 'indexes-made-anew',
  'making the leader epochs of a log anew': 'leader-epochs-made-anew',
  'removed a producer snapshot that does not fit the log': 'producer-snapshot-removed',
  'ignored a damaged checkpoint: logs are looked through instead': 'damaged-checkpoint-ignored',
  'a partition was not wholly created before the last stop': 'half-created-partition',
  'removed a deleted partition': 'deleted-partition-removed',
  'log on disk belongs to no topic of the cluster; it is kept': 'orphan-log-kept',
  'disk almost full: appends are refused until there is room': 'low-space-refusal',
  'disk has room again: appends are taken': 'low-space-over',
  'a log went offline': 'log-went-offline',
  'partition is offline: its log failed': 'partition-offline',
  'partition cannot be opened': 'partition-not-opened',
  'an index does not fit its log': 'index-does-not-fit',
  'cannot write an index': 'index-write-failed',
  'peer does not read its replies: connection closed': 'slow-reader-cut-off',
  'housekeeping failed; it is tried again': 'housekeeping-failed',
  'cutting a replica where it left its leader': 'replica-cut-on-divergence',
  'cutting a replica below its high watermark: the leader has other records there': 'replica-cut-below-high-watermark',
  'replica begins anew: the leader has deleted all that it holds': 'replica-begun-anew',
  'change of an in-sync set refused': 'in-sync-change-refused',
  'the registration of this node is not known any more; it registers again': 'registration-lost',
  'the controller has not answered for a whole session: others may lead what this node leads': 'session-lived-through',
  'asking the controller to move leaderships away: a log that this node leads has failed, or its disk hangs':
    'leader-with-failed-disk',
  'A broker is silent and gets fenced': 'silent-broker-fenced',
  'Leaderships moved to preferred replicas': 'preferred-leaders-elected',
  'coordinator cannot load its state; it is tried again': 'coordinator-load-failed',
  'transaction aborted: it was open for too long': 'transaction-timed-out',
};

/** Marks that the simulator itself sets. */
export const simulatorMarks = [
  'power-cut',
  'power-cut-of-all-nodes',
  'power-cut-while-starting',
  'power-cut-with-unsynced-records',
  'failpoint-reached',
  'bit-flipped',
  'start-failed',
  'node-gave-up',
  'in-sync-set-shrunk',
  'in-sync-set-grown',
  'leader-moved',
  'leader-lost',
  'elected-from-eligible',
  'quorum-term-passed',
  'send-unknown',
  'send-unknown-but-in-log',
  'send-failed',
  'producer-retried',
  'producer-epoch-bumped',
  'producer-split-batch',
  'producer-buffer-full',
  'consumer-jumped-over-deleted',
  'records-deleted',
  'topic-recreated',
  'topic-grown',
  'time-looked-up',
  'member-started',
  'member-killed',
  'member-put-out',
  'member-lost-partitions',
  'member-commit-refused',
  'group-rebalanced',
  'transaction-committed',
  'transaction-aborted',
  'transaction-unknown',
  'transactor-killed',
  'transactor-fenced',
  'commit-asked-again',
  'record-copied',
  'copier-killed',
  'copier-failed',
] as const;

export const allMarks: readonly string[] = [...Object.values(markedLines), ...simulatorMarks];
