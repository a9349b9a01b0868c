/**
 * Ids and positions as branded numbers and strings, so that an offset cannot be passed where a node id is meant.
 *
 * All numbers are JavaScript numbers below 2^53. A plain number becomes one of these only through its constructor
 * here, which checks it: where bytes or user input become values.
 */
import { assert } from './assert.js';

declare const brand: unique symbol;
type Branded<Value, Name extends string> = Value & { readonly [brand]: Name };

/** Position of a record in a partition, from 0. */
export type Offset = Branded<number, 'Offset'>;
/** Number of a leadership over a partition; -1 where none is known. */
export type LeaderEpoch = Branded<number, 'LeaderEpoch'>;
/** Id of a node (a process) within its cluster. */
export type NodeId = Branded<number, 'NodeId'>;
/** Index of a partition within its topic, from 0. */
export type PartitionIndex = Branded<number, 'PartitionIndex'>;
/** A topic's UUID as 22 characters of base64url: a topic deleted and created again under one name has another. */
export type TopicId = Branded<string, 'TopicId'>;

function natural(value: number, what: string): number {
  assert(Number.isSafeInteger(value) && value >= 0, `${what} must be a whole number from 0 to 2^53-1, got ${value}`);
  return value;
}

export function offset(value: number): Offset {
  return natural(value, 'offset') as Offset;
}

export function leaderEpoch(value: number): LeaderEpoch {
  assert(Number.isSafeInteger(value) && value >= -1, `leader epoch must be a whole number from -1, got ${value}`);
  return value as LeaderEpoch;
}

export function nodeId(value: number): NodeId {
  return natural(value, 'node id') as NodeId;
}

export function partitionIndex(value: number): PartitionIndex {
  return natural(value, 'partition index') as PartitionIndex;
}

const topicIdPattern = /^[A-Za-z0-9_-]{22}$/;

export function topicId(value: string): TopicId {
  assert(topicIdPattern.test(value), `topic id must be 22 characters of base64url, got ${JSON.stringify(value)}`);
  return value as TopicId;
}

/** A new topic id from 16 random bytes. */
export function topicIdFromBytes(bytes: Uint8Array): TopicId {
  assert(bytes.length === 16, `a topic id has 16 bytes, got ${bytes.length}`);
  return topicId(Buffer.from(bytes).toString('base64url'));
}
