/**
 * A database of the program that keeps, beside what the records do in it, how far they have come: then both are stored in
 * one transaction, or neither. Three small functions over any driver; nothing here knows which.
 *
 *     group, topic, partition  ->  epoch, offset        one row each, in the program's own database
 *
 * What a store must keep to:
 * - everything done with a transaction is there after `transaction` resolves, and nothing of it after it rejects;
 * - between `read` and the end of its transaction no other transaction reads or writes the same row (a row lock, a
 *   transaction that locks the database, or one that fails when it was not alone).
 */
export interface EffectKey {
  readonly group: string;
  readonly topic: string;
  readonly partition: number;
}

export interface EffectPosition {
  /** Of the assignment under which its owner has the partition: an older owner stores nothing any more. */
  readonly epoch: number;
  /** Every record before it has had its effect; -1: nobody has stored anything yet. */
  readonly offset: number;
}

export interface EffectStore<Transaction> {
  transaction<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result>;
  /** Undefined: there is no row. */
  read(transaction: Transaction, key: EffectKey): Promise<EffectPosition | undefined> | EffectPosition | undefined;
  write(transaction: Transaction, key: EffectKey, position: EffectPosition): Promise<void> | void;
}
