/** The log that holds the cluster's metadata: partition 0 of a topic that no client can reach. */
import { defaultLogConfig, type LogConfig } from '@millrace/storage';

/** The largest batch of the metadata log, thus the largest decision: about 150 000 changed partitions. */
export const maxDecisionBytes = 16 * 1024 * 1024;

interface MetadataTopic {
  readonly name: string;
  readonly partition: number;
  readonly topicId: string;
  readonly config: LogConfig;
}

export const metadataTopic: MetadataTopic = {
  name: '__cluster_metadata',
  partition: 0,
  /** The same in every cluster, as in Kafka. */
  topicId: 'AAAAAAAAAAAAAAAAAAAAAQ',
  config: {
    ...defaultLogConfig,
    segmentBytes: 64 * 1024 * 1024,
    // Only a snapshot allows it to shrink.
    retentionMs: -1,
    retentionBytes: -1,
    cleanup: 'delete',
    maxMessageBytes: maxDecisionBytes,
    messageTimestampAfterMaxMs: Number.MAX_SAFE_INTEGER,
  },
};
