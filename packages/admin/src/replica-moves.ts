/** Elections of leaders and moves of replicas, as an operator asks for them and sees them. */
import { errorFromWire, type AlterPartitionReassignmentsRequest } from '@millrace/protocol';
import type { MillraceError } from '@millrace/base';

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** preferred: the first replica, when it is in sync. unclean: any live replica, which loses what it lacks. */
export type ElectionType = 'preferred' | 'unclean';

export interface ElectedLeader extends TopicPartition {
  /** -1: none, or unknown. */
  readonly leader: number;
  /** Why this partition has no new leader; `ELECTION_NOT_NEEDED` when it had the right one. Null: it was elected. */
  readonly error: string | null;
  readonly message: string | null;
}

export interface Reassignment extends TopicPartition {
  /** Nodes that are to hold a copy, preferred leader first; null ends the move that is under way. */
  readonly replicas: readonly number[] | null;
}

export interface ReassignmentResult extends TopicPartition {
  /** Null: the move has begun. */
  readonly error: string | null;
  readonly message: string | null;
}

/** A partition that is being moved. */
export interface OngoingReassignment extends TopicPartition {
  /** All that hold a copy now, also those that come and go. */
  readonly replicas: readonly number[];
  readonly adding: readonly number[];
  readonly removing: readonly number[];
}

export function groupedByTopic(moves: readonly Reassignment[]): AlterPartitionReassignmentsRequest['topics'] {
  const topics = new Map<string, { partition: number; replicas: number[] | null }[]>();
  for (const { topic, partition, replicas } of moves) {
    const partitions = topics.get(topic) ?? [];
    partitions.push({ partition, replicas: replicas === null ? null : [...replicas] });
    topics.set(topic, partitions);
  }
  return [...topics].map(([name, partitions]) => ({ name, partitions }));
}

interface WireOutcome extends TopicPartition {
  readonly error: number;
  readonly message: string | null;
}

export function outcomeOf(entry: WireOutcome): ReassignmentResult {
  const error = failureOf(entry);
  const { topic, partition } = entry;
  return { topic, partition, error: error?.code ?? null, message: error?.message ?? null };
}

/** What is wrong with a whole call when some of its partitions failed for reasons that pass. */
export function passingFailure(entries: readonly WireOutcome[]): MillraceError | undefined {
  return entries.map(failureOf).find((error) => error !== undefined && passing.has(error.code));
}

/** The node asked was not the controller any more, or could not reach it: nothing was decided about the partition. */
const passing = new Set(['NOT_CONTROLLER', 'REQUEST_TIMED_OUT', 'NETWORK_EXCEPTION']);

function failureOf(entry: WireOutcome): MillraceError | undefined {
  return errorFromWire(entry, `${entry.topic}-${entry.partition}`);
}
