export type { AnyApi, Api, ApiListener, ApiVersion, Message, RequestOf, ResponseOf } from './api.js';
export { apis } from './apis.js';
export { produceApi, type ProduceRequest, type ProduceResponse } from './apis/00-produce.js';
export { fetchApi, type FetchRequest, type FetchResponse } from './apis/01-fetch.js';
export {
  earliestTimestamp,
  latestTimestamp,
  listOffsetsApi,
  maxTimestamp,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
} from './apis/02-list-offsets.js';
export { metadataApi, type MetadataRequest, type MetadataResponse } from './apis/03-metadata.js';
export { helloApi, type HelloRequest, type HelloResponse } from './apis/18-hello.js';
export { createTopicsApi, type CreateTopicsRequest, type CreateTopicsResponse } from './apis/19-create-topics.js';
export { deleteTopicsApi, type DeleteTopicsRequest, type DeleteTopicsResponse } from './apis/20-delete-topics.js';
export { deleteRecordsApi, type DeleteRecordsRequest, type DeleteRecordsResponse } from './apis/21-delete-records.js';
export {
  initProducerIdApi,
  type InitProducerIdRequest,
  type InitProducerIdResponse,
} from './apis/22-init-producer-id.js';
export {
  describeConfigsApi,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
} from './apis/32-describe-configs.js';
export {
  describeLogDirsApi,
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponse,
} from './apis/35-describe-log-dirs.js';
export {
  createPartitionsApi,
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
} from './apis/37-create-partitions.js';
export {
  incrementalAlterConfigsApi,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
} from './apis/44-incremental-alter-configs.js';
export {
  describeClusterApi,
  type DescribeClusterRequest,
  type DescribeClusterResponse,
} from './apis/60-describe-cluster.js';
export {
  describeTopicPartitionsApi,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
} from './apis/75-describe-topic-partitions.js';
export type { Isolation } from './apis/isolation.js';
export {
  decodeError,
  decodeRequest,
  decodeResponse,
  encodeError,
  encodeRequest,
  encodeResponse,
  maxRequestBodyBytes,
  splitPayload,
} from './codec.js';
export { errorByName, errorByNumber, errorTable, type ErrorDefinition } from './error-table.js';
export {
  defaultMaxFrameBytes,
  encodeFrame,
  errorFlag,
  framePrefixBytes,
  maxFrameBytesBeforeHello,
  responseFlag,
  type FrameHeader,
} from './frame.js';
export { FrameReader, type Frame, type FrameReaderOptions } from './frame-reader.js';
export { guardMessagePack, type GuardLimits } from './message-pack-guard.js';
export { errorFromWire, errorNumber, noError, protocolError, wireError, type WireError } from './protocol-error.js';
export { SlabPool } from './slab-pool.js';
export { topicNameProblem } from './topic-name.js';
export { negotiateVersion, servedVersions, type VersionRange } from './version-negotiation.js';
