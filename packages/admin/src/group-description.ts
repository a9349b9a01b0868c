/** Groups as the admin client shows them. */
import type { ConsumerGroupDescribeResponse, ListGroupsResponse } from '@millrace/protocol';

type Described = ConsumerGroupDescribeResponse['groups'][number];

export type GroupStateName = Described['state'];

export type GroupSummary = ListGroupsResponse['groups'][number];

export interface AssignedTopic {
  readonly topic: string;
  readonly partitions: readonly number[];
}

export interface GroupMemberDescription {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  /** -2: a static member that is away for a while. */
  readonly epoch: number;
  readonly state: Described['members'][number]['state'];
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly subscribedTopics: readonly string[];
  readonly subscribedPattern: string;
  /** What it may have now. */
  readonly assignment: readonly AssignedTopic[];
  /** What it is to have when the rebalance is over. */
  readonly target: readonly AssignedTopic[];
}

/** How far a group is in a partition. Null where something is not known: nothing was committed, no leader answered. */
export interface GroupOffset {
  readonly topic: string;
  readonly partition: number;
  /** The next offset to be read. */
  readonly committed: number | null;
  readonly end: number | null;
  /** Records between the two. */
  readonly lag: number | null;
  /** Age of the oldest record that was not read. */
  readonly lagSeconds: number | null;
  /** The text that was committed with it. */
  readonly metadata: string | null;
}

export interface GroupRebalance {
  readonly epoch: number;
  readonly trigger: Described['rebalances'][number]['trigger'];
  readonly memberId: string | null;
  readonly detail: string;
  readonly startedMs: number;
  /** Null: not over yet. */
  readonly durationMs: number | null;
  /** The next one began before this one was over. */
  readonly isSuperseded: boolean;
  readonly movedPartitions: number;
  /** The first of them, when there are many. */
  readonly moves: readonly {
    readonly topic: string;
    readonly partition: number;
    readonly from: string | null;
    readonly to: string | null;
  }[];
}

export interface GroupDescription {
  readonly group: string;
  readonly state: GroupStateName;
  /** One more with each rebalance. */
  readonly epoch: number;
  readonly assignor: string;
  readonly members: readonly GroupMemberDescription[];
  readonly offsets: readonly GroupOffset[];
  /** The last ones, oldest first. */
  readonly rebalances: readonly GroupRebalance[];
}

/** Where a group's offsets are to go. */
export type ResetPosition =
  | 'beginning'
  | 'end'
  | { readonly offset: number }
  | { readonly timestampMs: number }
  /** Forward, or back when negative. */
  | { readonly by: number };

export interface OffsetReset {
  readonly topic: string;
  readonly partition: number;
  /** Null: nothing was committed. */
  readonly before: number | null;
  readonly after: number;
}
