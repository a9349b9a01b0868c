/** Transactions of a plan: producers that append lists of values to a topic of their own, all of them or none. */
export interface TransactionsPlan {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly transactors: readonly TransactorPlan[];
}

export interface TransactorPlan {
  /** Two may have the same: then each that begins fences the other. */
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly maxInFlightRequests: number;
  /** Whether it reads what is committed, beside writing. */
  readonly isReading: boolean;
}
