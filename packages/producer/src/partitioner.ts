/**
 * Chooses the partition of a record that names none.
 *
 * A partitioner is a plain function; those with state (sticky, round robin) are made by a factory, one per producer.
 * It runs once per record, so it takes and returns numbers and strings, never objects made for the call.
 */
import type { RandomStream } from '@millrace/base';
import { murmur2 } from './murmur2.js';
import type { Bytes } from './producer-record.js';

/**
 * Returns a whole number from 0 to `topic.partitionCount - 1`. Called again for the same record only when that record
 * has not been accepted yet.
 */
export type Partitioner = (topic: PartitionerTopic, key: Bytes, value: Bytes) => number;

/** What a partitioner may know of a topic; kept up to date by the producer. */
export interface PartitionerTopic {
  readonly name: string;
  readonly partitionCount: number;
  /** Partitions that have a leader now; all of them when none has. */
  readonly available: readonly number[];
  /** Rises each time a batch of this topic is closed: the moment to change a sticky choice at no cost in batching. */
  readonly closedBatches: number;
}

/**
 * Kafka's default: records with a key go to `murmur2(key) mod partitions`, as with Kafka's own clients; records
 * without one stick to a partition until its batch is closed, so that batches fill up and all partitions get their share.
 */
export function murmur2Partitioner(random: RandomStream): Partitioner {
  const sticky = stickyPartitioner(random);
  return (topic, key, value) => {
    if (key === null) return sticky(topic, key, value);
    return toPositive(murmur2(key)) % topic.partitionCount;
  };
}

/** Ignores keys: one partition at random until its batch is closed, then another. */
export function stickyPartitioner(random: RandomStream): Partitioner {
  const choices = new Map<string, StickyChoice>();
  // Of the last record: its topic is mostly the next one's too, and a look into a map costs as much as a small record.
  let last: StickyChoice | undefined;
  return (topic) => {
    if (last?.topic !== topic.name) last = choices.get(topic.name);
    if (last?.closedBatches === topic.closedBatches && last.partitionCount === topic.partitionCount) {
      return last.partition;
    }
    last = {
      topic: topic.name,
      partition: anotherPartition(topic.available, last?.partition ?? -1, random),
      closedBatches: topic.closedBatches,
      partitionCount: topic.partitionCount,
    };
    choices.set(topic.name, last);
    return last.partition;
  };
}

interface StickyChoice {
  readonly topic: string;
  readonly partition: number;
  readonly closedBatches: number;
  readonly partitionCount: number;
}

/** Ignores keys: each record goes to the next partition that has a leader. */
export function roundRobinPartitioner(): Partitioner {
  const next = new Map<string, number>();
  return (topic) => {
    const turn = next.get(topic.name) ?? 0;
    next.set(topic.name, turn + 1);
    return topic.available[turn % topic.available.length] ?? 0;
  };
}

/**
 * Keeps neighbouring keys together: partition i takes the keys from `boundaries[i - 1]` up to, not including,
 * `boundaries[i]`, compared byte by byte. The last partition used takes the rest; records without a key go to partition 0.
 */
export function rangePartitioner(boundaries: readonly (string | Uint8Array)[]): Partitioner {
  const bounds = boundaries.map((boundary) => Buffer.from(boundary as string));
  return (topic, key) => {
    if (key === null) return 0;
    const bytes = typeof key === 'string' ? Buffer.from(key) : key;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Buffer.compare(bounds[middle] as Buffer, bytes) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.min(low, topic.partitionCount - 1);
  };
}

/** Clears the sign bit, as Kafka does; `Math.abs` would give another partition, and none for the smallest number. */
export function toPositive(hash: number): number {
  return hash & 0x7fffffff;
}

function anotherPartition(available: readonly number[], current: number, random: RandomStream): number {
  const index = random.integer(0, available.length);
  const chosen = available[index] ?? 0;
  if (chosen !== current || available.length === 1) return chosen;
  return available[(index + 1) % available.length] ?? 0;
}

/** By the option of a producer. */
export function partitionerOf(
  option: 'murmur2' | 'roundRobin' | Partitioner | undefined,
  random: () => RandomStream,
): Partitioner {
  if (typeof option === 'function') return option;
  return option === 'roundRobin' ? roundRobinPartitioner() : murmur2Partitioner(random());
}
