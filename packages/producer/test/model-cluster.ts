/**
 * Partitions with Kafka's rules for idempotent producers, behind connections that lose, delay and cut: what a sender
 * core is tested against. It has no code in common with the real broker.
 */
import { MillraceError } from '@millrace/base';
import type { EntryAnswer, SendRequest } from '../src/sender-core.js';

export interface ModelRandom {
  /** True once in `n` calls, on average. */
  oneIn(n: number): boolean;
  below(n: number): number;
}

interface RememberedBatch {
  readonly baseSequence: number;
  readonly recordCount: number;
  readonly baseOffset: number;
}

interface ProducerState {
  epoch: number;
  nextSequence: number;
  batches: RememberedBatch[];
}

export class ModelPartition {
  readonly log: number[] = [];
  readonly producers = new Map<number, ProducerState>();
  leader = 0;
  maxRecords = Infinity;
}

export interface SentRequest {
  readonly request: SendRequest;
  /** The values of each entry, as they were when it was sent. */
  readonly entries: readonly SentEntry[];
  answers: EntryAnswer[] | undefined;
  /** The client has given up on it. */
  forgotten: boolean;
}

export interface SentEntry {
  readonly partition: ModelPartition;
  readonly values: readonly number[];
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
}

/** What one node answers to one entry, and what it does to the log. */
export function produceAt(node: number, entry: SentEntry, faults: ModelRandom | undefined): EntryAnswer {
  const { partition } = entry;
  if (partition.leader !== node) return refused('NOT_LEADER_OR_FOLLOWER', true);
  if (faults?.oneIn(12) === true) return refused('NOT_ENOUGH_REPLICAS', true);
  if (entry.values.length > partition.maxRecords) return refused('MESSAGE_TOO_LARGE', false);
  if (entry.values.includes(poison)) return refused('INVALID_RECORD', false);
  const answer = append(partition, entry);
  if (answer.error === undefined && faults?.oneIn(12) === true) {
    return refused(faults.oneIn(2) ? 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' : 'NOT_LEADER_OR_FOLLOWER', true);
  }
  return answer;
}

/** A value that every broker refuses. */
export const poison = -1;

function append(partition: ModelPartition, entry: SentEntry): EntryAnswer {
  const { producerId, producerEpoch, baseSequence, values } = entry;
  let state: ProducerState | undefined;
  if (producerId !== -1) {
    state = partition.producers.get(producerId);
    if (state === undefined) {
      if (baseSequence !== 0) return refused('UNKNOWN_PRODUCER_ID', false);
      state = { epoch: producerEpoch, nextSequence: 0, batches: [] };
      partition.producers.set(producerId, state);
    }
    if (producerEpoch < state.epoch) return refused('INVALID_PRODUCER_EPOCH', false);
    if (producerEpoch > state.epoch) {
      if (baseSequence !== 0) return refused('OUT_OF_ORDER_SEQUENCE_NUMBER', false);
      state.epoch = producerEpoch;
      state.nextSequence = 0;
      state.batches = [];
    }
    const seen = state.batches.find((b) => b.baseSequence === baseSequence && b.recordCount === values.length);
    if (seen !== undefined) return { error: undefined, baseOffset: seen.baseOffset };
    if (baseSequence !== state.nextSequence) return refused('OUT_OF_ORDER_SEQUENCE_NUMBER', false);
  }
  const baseOffset = partition.log.length;
  partition.log.push(...values);
  if (state !== undefined) {
    state.nextSequence = (baseSequence + values.length) % 2 ** 31;
    state.batches.push({ baseSequence, recordCount: values.length, baseOffset });
    if (state.batches.length > 5) state.batches.shift();
  }
  return { error: undefined, baseOffset };
}

export function refused(code: string, retriable: boolean): EntryAnswer {
  return { error: new MillraceError(code, `model: ${code}`, { retriable }), baseOffset: -1 };
}
