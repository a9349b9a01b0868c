/**
 * Who of a group gets which partition: a pure function of the members, their subscriptions and what they had.
 *
 * Promises of every assignor: each partition of a topic that somebody subscribes to has exactly one owner, who subscribes to it;
 * the same input gives the same answer, in whatever order members and topics are named.
 */
import type { PartitionKey } from './topic-partition.js';

export interface AssignableMember {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly rackId: string | null;
  /** Of topics that there are. */
  readonly topicIds: ReadonlySet<string>;
  /** What it was to have before. */
  readonly owned: ReadonlySet<PartitionKey>;
}

export interface AssignableTopic {
  readonly topicId: string;
  readonly partitions: number;
  /** Racks of the replicas of a partition; left out where racks play no part. */
  readonly racksOf?: (partition: number) => ReadonlySet<string>;
}

export interface AssignorInput {
  /** By member id. */
  readonly members: readonly AssignableMember[];
  /** By topic id; those that somebody subscribes to. */
  readonly topics: readonly AssignableTopic[];
}

/** What each member is to have; every member is named. */
export type GroupAssignment = ReadonlyMap<string, ReadonlySet<PartitionKey>>;

export interface Assignor {
  readonly name: string;
  assign(input: AssignorInput): GroupAssignment;
}
