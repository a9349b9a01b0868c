/** The metadata moved on: a rebalance where topics that the group reads are new, gone, or have grown. */
import type { Decision } from '@millrace/state-machine';
import { GroupDraft } from '../group-draft.js';
import type { GroupEntry } from '../group-entry.js';
import type { GroupPolicy } from '../group-policy.js';
import type { GroupState } from '../group-state.js';
import { finishRebalance, rebalance } from '../rebalance.js';
import { subscriptionsOf, type Topics, topicsDifference, topicsRecord } from '../subscriptions.js';

export interface TopicsChangedCommand {
  readonly kind: 'topics-changed';
  readonly group: string;
  readonly image: Topics;
}

export function topicsChanged(
  group: GroupState,
  { image }: TopicsChangedCommand,
  policy: GroupPolicy,
  nowMs: number,
): Decision<GroupEntry, undefined> {
  const { meta } = group;
  // Metadata that is older than what an earlier coordinator went by knows less, not better.
  const isOld = meta === undefined || image.position < meta.metadataPosition;
  if (isOld || group.members.size === 0) return { entries: [], reply: undefined };
  const difference = topicsDifference(meta.topics, topicsRecord(subscriptionsOf(group, image)));
  if (difference === undefined) return { entries: [], reply: undefined };
  const draft = new GroupDraft(group);
  const cause = { trigger: 'topics-changed' as const, memberId: null, detail: difference };
  rebalance(draft, cause, { assignors: policy.assignors, image, nowMs });
  finishRebalance(draft, nowMs);
  return { entries: draft.entries, reply: undefined };
}
