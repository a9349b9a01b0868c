/**
 * What the broker asks of the cluster's controller. In a node with both roles it is the controller itself, in the same
 * process; elsewhere a client of it. Requests and replies are those of the protocol: admin requests pass through.
 */
import type { MetadataDelta, MetadataImage } from '@millrace/controller/image';
import type {
  CreatePartitionsRequest,
  CreatePartitionsResponse,
  CreateTopicsRequest,
  CreateTopicsResponse,
  DeleteTopicsRequest,
  DeleteTopicsResponse,
  DescribeClusterResponse,
  DescribeConfigsRequest,
  DescribeConfigsResponse,
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from '@millrace/protocol';

/** Producer ids `[first, first + count)` that nobody else was given or will be. */
export interface ProducerIdBlock {
  readonly first: number;
  readonly count: number;
}

export interface ControllerGateway {
  /** The latest that this node has. */
  readonly image: MetadataImage;
  /** Node that leads the controller quorum; -1: unknown. */
  readonly controllerId: number;
  /** Called after each change of `image`, with what changed; returns how to stop. */
  subscribe(listener: (image: MetadataImage, delta: MetadataDelta) => void): () => void;
  /** Resolve when the change is committed and `image` has it. */
  createTopics(request: CreateTopicsRequest): Promise<CreateTopicsResponse>;
  deleteTopics(request: DeleteTopicsRequest): Promise<DeleteTopicsResponse>;
  createPartitions(request: CreatePartitionsRequest): Promise<CreatePartitionsResponse>;
  alterConfigs(request: IncrementalAlterConfigsRequest): Promise<IncrementalAlterConfigsResponse>;
  describeConfigs(request: DescribeConfigsRequest): Promise<DescribeConfigsResponse>;
  describeCluster(): Promise<DescribeClusterResponse>;
  allocateProducerIds(): Promise<ProducerIdBlock>;
}
