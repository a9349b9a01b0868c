// hot path
/**
 * Workers that take one partition at a time: its records, or batches, are worked on one after the other. A record counts as
 * read when its callback has ended well; after a failure reading can be taken up again at the record that failed.
 */
import type { Delivery, HeldChunk } from '../delivery.js';
import type { FailurePolicy } from './failure-policy.js';
import type { RunSettings } from './run-options.js';
import type { Worker } from './worker.js';

export interface PartitionRunOptions<Key, Value> {
  readonly delivery: Delivery<Key, Value>;
  readonly settings: RunSettings<Key, Value>;
  readonly policy: FailurePolicy<Key, Value>;
  readonly isOver: () => boolean;
}

/** Resolves when it is over. */
export async function workPartitions<Key, Value>(
  worker: Worker,
  options: PartitionRunOptions<Key, Value>,
): Promise<void> {
  const { delivery, settings, isOver } = options;
  while (!isOver()) {
    const held = delivery.hold();
    if (held === undefined) {
      await delivery.news();
      continue;
    }
    worker.begin(held.state, held.chunk.firstOffset);
    try {
      if (settings.eachBatch === undefined) await eachRecord(worker, held, options);
      else await eachBatch(worker, held, options);
    } finally {
      worker.end();
      delivery.release(held);
    }
  }
}

async function eachRecord<Key, Value>(
  worker: Worker,
  held: HeldChunk,
  { delivery, settings, policy, isOver }: PartitionRunOptions<Key, Value>,
): Promise<void> {
  const { state, chunk, generation } = held;
  const callback = settings.eachRecord as NonNullable<typeof settings.eachRecord>;
  const reader = delivery.read(held);
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    state.begunOffset = record.offset + 1;
    worker.offset = record.offset;
    for (let attempt = 1; ; attempt++) {
      worker.asks += 1;
      try {
        // Most callbacks of most programs return at once: no turn is given away for those.
        const ending = callback(record);
        if (ending !== undefined) await ending;
        break;
      } catch (error) {
        const verdict = await policy.judge({ error, attempt, record, batch: undefined }, state, worker);
        if (verdict === 'leave') return;
        if (verdict === 'skip') break;
      }
    }
    if (state.generation === generation) state.delivered(record.offset + 1);
    worker.records += 1;
    delivery.processed(1);
    // Somebody else waits for this partition: the rest of the chunk is for the next owner.
    if (isOver() || state.isWithheld) return;
  }
  if (state.generation === generation) state.delivered(chunk.nextOffset);
}

async function eachBatch<Key, Value>(
  worker: Worker,
  held: HeldChunk,
  { delivery, settings, policy }: PartitionRunOptions<Key, Value>,
): Promise<void> {
  const { state, chunk, generation } = held;
  const callback = settings.eachBatch as NonNullable<typeof settings.eachBatch>;
  state.begunOffset = chunk.nextOffset;
  for (let attempt = 1; ; attempt++) {
    worker.asks += 1;
    const batch = delivery.toBatch(held);
    try {
      await callback(batch);
      break;
    } catch (error) {
      const verdict = await policy.judge({ error, attempt, record: undefined, batch }, state, worker);
      // What the program has released is fetched anew.
      if (verdict === 'leave' || (verdict === 'again' && chunk.memory?.isReleased === true)) return;
      if (verdict === 'skip') break;
    }
  }
  const count = chunk.nextOffset - chunk.firstOffset;
  worker.records += count;
  if (state.generation !== generation) return;
  state.delivered(chunk.nextOffset);
  delivery.processed(count);
}
