/**
 * What the producer state reads of a batch: a part of `BatchView`, by name, so that a view is passed as it is.
 * `producerId` is -1 for a producer that is not idempotent; `baseSequence` is -1 for control batches.
 */
export interface ProducerBatch {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly lastSequence: number;
  readonly maxTimestamp: number;
  readonly leaderEpoch: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly isControl: boolean;
  readonly isTransactional: boolean;
}

/**
 * Who appends. A `client` is checked in full; a `coordinator` writes control batches, which have an epoch and no
 * sequence; a `replica` copies what its leader has checked, and refusing it would only make the logs differ.
 */
export type AppendOrigin = 'client' | 'replica' | 'coordinator';
