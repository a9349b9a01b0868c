/** Transactions of a plan: producers that append lists of values to a topic of their own, all of them or none. */
export interface TransactionsPlan {
  readonly partitions: number;
  readonly replicationFactor: number;
  readonly transactors: readonly TransactorPlan[];
  /** Members of a group that copy what is committed to another topic, in transactions of their own; none where it is not said. */
  readonly copiers?: readonly CopierPlan[];
}

export interface CopierPlan {
  readonly isStatic: boolean;
  readonly transactionTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxPollIntervalMs: number;
  /** What it does between a batch and the commit. */
  readonly workMs: number;
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
