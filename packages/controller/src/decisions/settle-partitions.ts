/**
 * The first decision of a controller: partitions as its own configuration means them. Defaults of topic settings come from
 * the node's configuration, and the controller before this one, or this one before its restart, may have had others.
 */
import type { Decision } from '@millrace/state-machine';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataRecord } from '../image/metadata-record.js';
import { changePartitions } from './broker-transition.js';
import type { ControllerPolicy } from './controller-policy.js';
import { DecisionDraft } from './decision-draft.js';
import { withRules } from './partition-transition.js';

export interface SettlePartitionsCommand {
  readonly kind: 'settle-partitions';
}

export function settlePartitions(image: MetadataImage, policy: ControllerPolicy): Decision<MetadataRecord, undefined> {
  const draft = new DecisionDraft(image);
  changePartitions(draft, policy, withRules);
  return { entries: draft.entries, reply: undefined };
}
