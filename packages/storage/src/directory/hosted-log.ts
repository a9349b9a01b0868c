import type { MillraceError } from '@millrace/base';
import type { PartitionLog } from '../log/partition-log.js';
import type { PartitionName } from './partition-name.js';

/** A partition's log and which partition it is of. */
export interface HostedLog extends PartitionName {
  readonly topicId: string;
  readonly log: PartitionLog;
}

/** A partition whose directory is there and cannot be served. It is kept as it is, for a person to look at. */
export interface OfflinePartition extends PartitionName {
  readonly reason: MillraceError;
}
