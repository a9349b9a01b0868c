/**
 * What a transaction coordinator knows of one transactional id.
 *
 *     empty ----------> ongoing            its first partition is added
 *     ongoing --------> prepare-commit     decided; from here on nothing can change it
 *             \-------> prepare-abort      decided by the producer, by its successor, or because its time was over
 *     prepare-commit -> complete-commit    every partition has the marker
 *     prepare-abort --> complete-abort
 *     complete-* -----> ongoing            the next one begins
 *     any but ongoing and prepare-* -> empty     a producer that begins, or begins anew, gets another epoch
 *
 * Each end raises the epoch (KIP-890): `last` is what the transaction ran under, `current` what the producer uses from
 * then on. So a request of one transaction never touches another, whenever it arrives; and a request that is sent again
 * is known by `last`. The marker in the partitions has the epoch after `last`, from which on the partitions refuse what
 * comes late. It is that of `current`, unless the epochs of that producer id are used up: then `current` is another id.
 */
import type { TransactionRecordValue, TransactionStateName } from '@millrace/protocol';
import type { PersistentMap } from '@millrace/state-machine';
import type { PartitionKey } from '../assignor/topic-partition.js';

export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface TransactionState {
  readonly transactionalId: string;
  readonly current: ProducerIdentity;
  /** Undefined where none before counts any more: whoever comes with one is fenced. */
  readonly last: ProducerIdentity | undefined;
  readonly status: TransactionStateName;
  readonly endedBy: TransactionRecordValue['endedBy'];
  readonly timeoutMs: number;
  /** -1 unless one is open, or is being ended. */
  readonly startedMs: number;
  readonly updatedMs: number;
  readonly metadataPosition: number;
  readonly partitions: ReadonlySet<PartitionKey>;
}

/** By transactional id. */
export type TransactionsState = PersistentMap<TransactionState>;

/** The highest that a transaction runs under: the marker after it still needs a higher one. */
export const maxTransactionEpoch = 32_766;

export const noPartitions: ReadonlySet<PartitionKey> = new Set();

export function isSame(a: ProducerIdentity | undefined, b: ProducerIdentity): boolean {
  return a?.producerId === b.producerId && a.producerEpoch === b.producerEpoch;
}

/** Decided, and not all partitions may know. */
export function isEnding({ status }: Pick<TransactionState, 'status'>): boolean {
  return status === 'prepare-commit' || status === 'prepare-abort';
}

export function isCommit({ status }: Pick<TransactionState, 'status'>): boolean {
  return status === 'prepare-commit' || status === 'complete-commit';
}

/** What the producer uses after this; undefined when that takes a new producer id and none was given. */
export function nextIdentity(before: ProducerIdentity, newProducerId: number): ProducerIdentity | undefined {
  const { producerId, producerEpoch } = before;
  if (producerEpoch < maxTransactionEpoch) return { producerId, producerEpoch: producerEpoch + 1 };
  return newProducerId < 0 ? undefined : { producerId: newProducerId, producerEpoch: 0 };
}
