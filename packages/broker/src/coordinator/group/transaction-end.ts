/** How the transaction of a producer ended, as its coordinator tells those that it wrote to. */
export interface TransactionEnd {
  readonly producerId: number;
  /** Above that of the transaction: what belongs to it has an epoch below this one. */
  readonly producerEpoch: number;
  readonly coordinatorEpoch: number;
  readonly isCommitted: boolean;
}
