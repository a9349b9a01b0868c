/**
 * Runs a callback over everything a consumer reads: one after the other within a partition, `concurrency` partitions
 * side by side. A record counts as read when its callback has ended well; after a failure reading can be taken up
 * again at the record that failed.
 */
import { MillraceError } from '@millrace/base';
import type { ConsumerBatch } from './consumer-batch.js';
import type { ConsumerRecord } from './consumer-record.js';
import type { Delivery, HeldChunk } from './delivery.js';

export interface RunOptions<Key, Value> {
  /** Called for each record, one after the other within a partition. */
  readonly eachRecord?: (record: ConsumerRecord<Key, Value>) => Promise<void> | void;
  /** Called for each batch, one after the other within a partition. */
  readonly eachBatch?: (batch: ConsumerBatch<Key, Value>) => Promise<void> | void;
  /** Partitions worked on at the same time (1). */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
}

/** Resolves when `isOver` says so, rejects with the first failure; either way only after all callbacks have ended. */
export async function run<Key, Value>(
  delivery: Delivery<Key, Value>,
  options: RunOptions<Key, Value>,
  isOver: () => boolean,
): Promise<void> {
  const { eachRecord, eachBatch, concurrency = 1, signal } = options;
  if ((eachRecord === undefined) === (eachBatch === undefined)) {
    throw new MillraceError('INVALID_CONFIG', 'Give run one of eachRecord and eachBatch.');
  }
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new MillraceError('INVALID_CONFIG', `concurrency must be a whole number from 1, got ${concurrency}.`);
  }
  let failure: { readonly error: unknown } | undefined;
  const isDone = (): boolean => isOver() || failure !== undefined || signal?.aborted === true;

  const work = async (held: HeldChunk): Promise<void> => {
    const { state, chunk, generation } = held;
    if (eachBatch !== undefined) {
      state.begunOffset = chunk.nextOffset;
      await eachBatch(delivery.toBatch(held));
    } else if (eachRecord !== undefined) {
      const reader = delivery.read(held);
      for (let record = reader.next(); record !== undefined; record = reader.next()) {
        // Most callbacks of most programs return at once: no turn is given away for those.
        state.begunOffset = record.offset + 1;
        const ending = eachRecord(record);
        if (ending !== undefined) await ending;
        if (state.generation === generation) state.delivered(record.offset + 1);
        delivery.asks += 1;
        // Somebody else waits for this partition: the rest of the chunk is for the next owner.
        if (isDone() || state.isWithheld) return;
      }
    }
    if (state.generation === generation) state.delivered(chunk.nextOffset);
  };

  const worker = async (): Promise<void> => {
    try {
      while (!isDone()) {
        const held = delivery.hold();
        delivery.asks += 1;
        if (held === undefined) {
          await delivery.news();
          continue;
        }
        try {
          await work(held);
        } finally {
          delivery.release(held);
        }
      }
    } catch (error) {
      failure ??= { error };
      delivery.wake();
    }
  };

  delivery.putBack();
  delivery.settle();
  const wake = (): void => delivery.wake();
  signal?.addEventListener('abort', wake);
  try {
    await Promise.all(Array.from({ length: concurrency }, worker));
  } finally {
    signal?.removeEventListener('abort', wake);
  }
  if (failure !== undefined) throw failure.error;
  signal?.throwIfAborted();
}
