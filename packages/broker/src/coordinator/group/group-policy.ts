import type { Assignors } from '../assignor/assignors.js';

/** What the settings allow groups. */
export interface GroupPolicy {
  readonly assignors: Assignors;
  readonly maxMembers: number;
  readonly heartbeatIntervalMs: number;
  readonly offsetsRetentionMs: number;
  readonly maxOffsetMetadataBytes: number;
}
