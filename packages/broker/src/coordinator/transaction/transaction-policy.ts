/** What the settings allow transactions. */
export interface TransactionPolicy {
  readonly maxTimeoutMs: number;
  /** A transactional id that nobody used for so long is forgotten. */
  readonly idExpirationMs: number;
  /** That one transaction may write to. */
  readonly maxPartitions: number;
  /** In one partition of the coordinator's topic. */
  readonly maxTransactionalIds: number;
}
