/** What the admin client tells about topics, partitions and nodes: the shapes that `millrace ... --json` prints. */

export interface ConfigValue {
  readonly value: string;
  /** Where the value comes from: set on the topic, set on the nodes, or built in. */
  readonly source: 'topic' | 'node' | 'default';
}

export type Configs = Readonly<Record<string, ConfigValue>>;

export interface TopicSummary {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface CreatedTopic extends TopicSummary {
  readonly configs: Configs;
}

export interface PartitionDescription {
  readonly partition: number;
  /** -1: no leader at the moment. */
  readonly leader: number;
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
  /** Replicas that may become leader although they are not in sync. */
  readonly elr: readonly number[];
  /** -1 here and in the next two: the leader could not be asked. */
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly sizeBytes: number;
}

export interface TopicDescription {
  readonly name: string;
  readonly topicId: string;
  readonly configs: Configs;
  readonly partitions: readonly PartitionDescription[];
}

/** What one node holds of a partition. */
export interface ReplicaDescription {
  readonly topic: string;
  readonly partition: number;
  readonly nodeId: number;
  readonly isLeader: boolean;
  readonly logStartOffset: number;
  /** Offset of the next record; how far a follower is behind is the leader's less its own. */
  readonly logEndOffset: number;
  readonly sizeBytes: number;
}

export interface NodeDescription {
  readonly nodeId: number;
  readonly roles: readonly string[];
  readonly rack: string | null;
  readonly host: string | null;
  /** `host:port` of its client listener; null: a controller only, which has none. */
  readonly client: string | null;
  readonly state: 'active' | 'fenced' | 'shutting-down';
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly controllerId: number;
  readonly metadataOffset: number;
  readonly nodes: readonly NodeDescription[];
}

/** One of those that hold the cluster's metadata. */
export interface Voter {
  readonly nodeId: number;
  /** Of its data directory: a node with an emptied disk is another voter. */
  readonly directoryId: string;
}

export interface QuorumReplica extends Voter {
  /** Up to here its metadata log is known to be on its disk. */
  readonly logEndOffset: number;
  /** Records that it lacks. */
  readonly lag: number;
}

export interface QuorumDescription {
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly highWatermark: number;
  readonly voters: readonly QuorumReplica[];
  /** Follow without a vote. */
  readonly observers: readonly QuorumReplica[];
}
