/**
 * Which partitions this process may apply records of, and the two transactions in which that is decided.
 *
 *     claim   read the row ─▶ refused when a newer owner has it ─▶ write our epoch ─▶ read on from its offset
 *     apply   read the row ─▶ fenced when its epoch is not ours ─▶ records from its offset on ─▶ write the offset behind them
 *
 * Why nothing is applied twice: a record is applied only in a transaction that has found the row before it, and leaves
 * the row behind it. Whoever comes second finds that, whatever the group believes about who owns the partition; the epoch
 * sees to it that an owner that was paused does not go on at all once another has begun.
 */
import { completion, MillraceError, type Completion } from '@millrace/base';
import type { ConsumerRecord, TopicPartition } from '../consumer-record.js';
import type { EffectKey, EffectStore } from './effect-store.js';

export interface Claim {
  readonly key: EffectKey;
  readonly epoch: number;
  /** Another owner has claimed it since. */
  isFenced: boolean;
  /** Resolves when the partition is not ours any more, or is claimed anew. */
  readonly end: Completion<void>;
}

export class Claims<Key, Value, Transaction> {
  readonly #store: EffectStore<Transaction>;
  readonly #group: string;
  readonly #claims = new Map<string, Claim>();

  constructor(store: EffectStore<Transaction>, group: string) {
    this.#store = store;
    this.#group = group;
  }

  of(partition: TopicPartition): Claim | undefined {
    return this.#claims.get(nameOf(partition));
  }

  /** Resolves with the offset from which to read; -1 when nothing was stored yet. */
  async claim({ topic, partition }: TopicPartition, epoch: number): Promise<number> {
    const key = { group: this.#group, topic, partition };
    const store = this.#store;
    const offset = await store.transaction(async (transaction) => {
      const before = await store.read(transaction, key);
      if (before !== undefined && before.epoch > epoch) throw refused(key, epoch, before.epoch);
      const start = before?.offset ?? -1;
      await store.write(transaction, key, { epoch, offset: start });
      return start;
    });
    this.drop([{ topic, partition }]);
    this.#claims.set(nameOf({ topic, partition }), { key, epoch, isFenced: false, end: completion() });
    return offset;
  }

  /** They are another's, or nobody's. */
  drop(partitions: readonly TopicPartition[]): void {
    for (const one of partitions) {
      const claim = this.of(one);
      if (claim === undefined) continue;
      this.#claims.delete(nameOf(one));
      claim.end.resolve();
    }
  }

  /** Nobody waits any more to hear of the newer owners. */
  endFenced(): void {
    for (const claim of this.#claims.values()) if (claim.isFenced) claim.end.resolve();
  }

  /** Resolves with how many had their effect; -1: nothing was done, because another owner has claimed the partition. */
  async apply(
    claim: Claim,
    records: readonly ConsumerRecord<Key, Value>[],
    effect: (record: ConsumerRecord<Key, Value>, transaction: Transaction) => Promise<void> | void,
  ): Promise<number> {
    const { key, epoch } = claim;
    const store = this.#store;
    const last = records.at(-1);
    if (last === undefined) return 0;
    return store.transaction(async (transaction) => {
      const position = await store.read(transaction, key);
      if (position?.epoch !== epoch) {
        claim.isFenced = true;
        return -1;
      }
      let applied = 0;
      for (const record of records) {
        if (record.offset < position.offset) continue;
        await effect(record, transaction);
        applied += 1;
      }
      const offset = Math.max(position.offset, last.offset + 1);
      if (applied > 0) await store.write(transaction, key, { epoch, offset });
      return applied;
    });
  }
}

function refused({ group, topic, partition }: EffectKey, epoch: number, stored: number): MillraceError {
  return new MillraceError(
    'FENCED_MEMBER_EPOCH',
    `${topic}-${partition} was claimed in the database under epoch ${stored} of group ${group}, and this member has it under ${epoch}: a newer owner is at work. If the group was deleted since, its epochs began anew: delete its rows, or set their epoch to 0.`,
  );
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}
