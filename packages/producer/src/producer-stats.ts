/** What a producer has done since it was made, and what it holds now. */
export interface ProducerStats {
  readonly recordsAccepted: number;
  readonly recordsAcknowledged: number;
  readonly recordsFailed: number;
  /** Of those that failed: nobody awaited them and they had no callback. */
  readonly recordsFailedUnobserved: number;
  /** Encoded bytes of acknowledged batches, after compression. */
  readonly bytesAcknowledged: number;
  readonly batchesAcknowledged: number;
  readonly requests: number;
  /** Batches sent again. */
  readonly retries: number;
  /** Batches that were too large for the broker and went out in two. */
  readonly splits: number;
  /** Times a partition took a new producer epoch to close a gap in its sequence. */
  readonly epochBumps: number;
  readonly recordsBuffered: number;
  readonly bytesBuffered: number;
  readonly requestsInFlight: number;
}
