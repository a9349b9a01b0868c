/**
 * Bugs that tests plant to prove that their checkers see them; always empty in production. Each names the rule that it
 * breaks: one condition in the core reads it.
 */
export type RaftDefect =
  /** Votes and vote requests leave before term and vote are synced. */
  | 'voteBeforePersist'
  /** A timeout raises the term without asking first whether that can succeed. */
  | 'noPreVote'
  /** A leader counts entries of its own log that are not synced. */
  | 'countSelfBeforeSync'
  /** A leader commits entries of earlier terms by counting replicas. */
  | 'commitEarlierTerm'
  /** A follower cuts its log where a message ends, not where it conflicts. */
  | 'truncateOnHeartbeat'
  /** A leader goes on without hearing from a majority. */
  | 'noCheckQuorum'
  /** Voters are changed before an entry of the leader's term is committed. */
  | 'changeBeforeOwnCommit'
  /** A replica is known by its node id alone, whatever its disk. */
  | 'ignoreDirectoryId';
