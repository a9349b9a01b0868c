/** Entries of the log of groups: what one record says, in the form the state holds it. `value` null takes it away. */
import type { PartitionKey } from '../assignor/topic-partition.js';
import type {
  CommittedOffset,
  CurrentAssignment,
  GroupMember,
  GroupMeta,
  PendingOffset,
  Rebalance,
  TargetAssignment,
} from './group-state.js';

interface Of<Type extends string, Value> {
  readonly type: Type;
  readonly group: string;
  readonly value: Value | null;
}

export type GroupEntry =
  | Of<'group', GroupMeta>
  | (Of<'member', GroupMember> & { readonly memberId: string })
  | (Of<'target', TargetAssignment> & { readonly memberId: string })
  | (Of<'current', CurrentAssignment> & { readonly memberId: string })
  | (Of<'rebalance', Rebalance> & { readonly slot: number })
  | (Of<'offset', CommittedOffset> & { readonly partition: PartitionKey })
  | (Of<'pending-offset', PendingOffset> & { readonly producerId: number; readonly partition: PartitionKey });
