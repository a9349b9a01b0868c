/**
 * A transaction has ended: what a group has pending of it is committed, or dropped. At once for all partitions of the
 * group, but for a group with so many that one batch of records could not hold them: those take several decisions.
 *
 * Something is written even when nothing is pending: only the node that leads gets it committed, and one that was
 * replaced, and knows nothing of what its successor took in, cannot answer that all is done.
 *
 * A pending offset never moves a committed one back: that could only be one that an operator has set meanwhile.
 */
import type { Decision } from '@millrace/state-machine';
import { partitionKey } from '../../assignor/topic-partition.js';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import { type GroupState, partitionOf, producerOf } from '../group-state.js';
import type { TransactionEnd } from '../transaction-end.js';

export interface EndTransactionCommand {
  readonly kind: 'end-transaction';
  readonly group: string;
  readonly end: TransactionEnd;
}

export interface EndTransactionReply {
  /** There is more to end: decide again. */
  readonly isPartial: boolean;
}

/** Their texts are bounded, and with these the batch is far below what a partition takes. */
const maxPartitionsPerDecision = 500;

/** No partition of any topic. */
const nowhere = partitionKey('A'.repeat(22), 0);

export function endTransaction(
  group: GroupState,
  { end }: EndTransactionCommand,
): Decision<GroupEntry, EndTransactionReply> {
  const draft = new GroupDraft(group);
  let left = maxPartitionsPerDecision;
  for (const [key, { producerEpoch, ...offset }] of group.pending.entries()) {
    if (producerOf(key) !== end.producerId || producerEpoch >= end.producerEpoch) continue;
    if (left === 0) return { entries: draft.entries, reply: { isPartial: true } };
    left -= 1;
    const partition = partitionOf(key);
    const committed = group.offsets.get(partition)?.offset ?? -1;
    if (end.isCommitted && offset.offset >= committed) draft.add({ type: 'offset', partition, value: offset });
    draft.add({ type: 'pending-offset', producerId: end.producerId, partition, value: null });
  }
  if (draft.entries.length === 0)
    draft.add({ type: 'pending-offset', producerId: end.producerId, partition: nowhere, value: null });
  return { entries: draft.entries, reply: { isPartial: false } };
}
