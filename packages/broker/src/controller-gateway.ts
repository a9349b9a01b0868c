/**
 * What the broker asks of the cluster's controller. In a node with both roles it is the controller itself, in the same
 * process; elsewhere a client of it. Requests and replies are those of the protocol: admin requests pass through.
 */
import type { MetadataDelta, MetadataImage, NodeRole } from '@millrace/controller/image';
import type {
  AddRaftVoterRequest,
  AddRaftVoterResponse,
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
  AlterPartitionRequest,
  AlterPartitionResponse,
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeClusterResponse,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  DescribeQuorumResponse,
  ElectLeadersRequest,
  ElectLeadersResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
  RemoveRaftVoterRequest,
  RemoveRaftVoterResponse,
  UnregisterBrokerRequest,
  UnregisterBrokerResponse,
} from '@millrace/protocol';

/** Producer ids `[first, first + count)` that nobody else was given or will be. */
export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

/** How a broker process makes itself known. */
export interface BrokerRegistration {
  readonly nodeId: number;
  /** Drawn by the process when it starts. */
  readonly incarnationId: string;
  readonly directoryId: string;
  /** The epoch that the data directory's mark of a clean stop holds; -1 when there is no such mark. */
  readonly cleanStopEpoch: number;
  readonly roles: readonly NodeRole[];
  readonly rack: string | null;
  readonly hostLabel: string | null;
  /** Where clients reach it. */
  readonly host: string;
  readonly port: number;
  /** Where nodes reach it; left out where it has no internal listener. */
  readonly internalHost?: string;
  readonly internalPort?: number;
}

export interface BrokerHeartbeat {
  readonly nodeId: number;
  readonly brokerEpoch: number;
  /** Last offset of the metadata log that the broker has acted on. */
  readonly metadataOffset: number;
  readonly wantFence: boolean;
  readonly wantShutdown: boolean;
}

export interface BrokerHeartbeatReply {
  readonly isFenced: boolean;
  /** It leads nothing any more, and may stop as it wanted. */
  readonly shouldShutdown: boolean;
}

export interface ControllerGateway {
  /** The latest that this node has. */
  readonly image: MetadataImage;
  /** Node that leads the controller quorum; -1: unknown. */
  readonly controllerId: number;
  /**
   * Calls back at once with all there is, and then after each change of `image` with what changed. Returns how to end
   * it.
   */
  subscribe(listener: (image: MetadataImage, delta: MetadataDelta) => void): () => void;
  registerBroker(request: BrokerRegistration): Promise<{ readonly brokerEpoch: number }>;
  heartbeat(request: BrokerHeartbeat): Promise<BrokerHeartbeatReply>;
  allocateProducerIds(request: { readonly nodeId: number; readonly brokerEpoch: number }): Promise<ProducerIdBlock>;
  alterPartition(request: AlterPartitionRequest): Promise<AlterPartitionResponse>;
  electLeaders(request: ElectLeadersRequest): Promise<ElectLeadersResponse>;
  alterPartitionReassignments(
    request: AlterPartitionReassignmentsRequest,
  ): Promise<AlterPartitionReassignmentsResponse>;
  listPartitionReassignments(request: ListPartitionReassignmentsRequest): Promise<ListPartitionReassignmentsResponse>;
  /** These and the next resolve when the change is committed and `image` has it. */
  createTopics(request: CreateTopicsRequest): Promise<CreateTopicsResponse>;
  /** Creates those that do not exist, with default settings. */
  autoCreateTopics(names: readonly string[]): Promise<CreateTopicsResponse>;
  deleteTopics(request: DeleteTopicsRequest): Promise<DeleteTopicsResponse>;
  createPartitions(request: CreatePartitionsRequest): Promise<CreatePartitionsResponse>;
  alterConfigs(request: IncrementalAlterConfigsRequest): Promise<IncrementalAlterConfigsResponse>;
  describeConfigs(request: DescribeConfigsRequest): Promise<DescribeConfigsResponse>;
  describeCluster(): Promise<DescribeClusterResponse>;
  describeQuorum(): Promise<DescribeQuorumResponse>;
  addVoter(request: AddRaftVoterRequest): Promise<AddRaftVoterResponse>;
  removeVoter(request: RemoveRaftVoterRequest): Promise<RemoveRaftVoterResponse>;
  unregisterBroker(request: UnregisterBrokerRequest): Promise<UnregisterBrokerResponse>;
}
