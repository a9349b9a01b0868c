import type { AnyApi } from './api.js';
import { produceApi } from './apis/00-produce.js';
import { fetchApi } from './apis/01-fetch.js';
import { listOffsetsApi } from './apis/02-list-offsets.js';
import { metadataApi } from './apis/03-metadata.js';
import { helloApi } from './apis/18-hello.js';
import { createTopicsApi } from './apis/19-create-topics.js';
import { deleteTopicsApi } from './apis/20-delete-topics.js';
import { deleteRecordsApi } from './apis/21-delete-records.js';
import { initProducerIdApi } from './apis/22-init-producer-id.js';
import { describeConfigsApi } from './apis/32-describe-configs.js';
import { describeLogDirsApi } from './apis/35-describe-log-dirs.js';
import { createPartitionsApi } from './apis/37-create-partitions.js';
import { incrementalAlterConfigsApi } from './apis/44-incremental-alter-configs.js';
import { describeClusterApi } from './apis/60-describe-cluster.js';
import { describeTopicPartitionsApi } from './apis/75-describe-topic-partitions.js';

/** Every API by its key: dispatch, version ranges and documentation are made from this table. */
export const apis: ReadonlyMap<number, AnyApi> = new Map(
  [
    produceApi,
    fetchApi,
    listOffsetsApi,
    metadataApi,
    helloApi,
    createTopicsApi,
    deleteTopicsApi,
    deleteRecordsApi,
    initProducerIdApi,
    describeConfigsApi,
    describeLogDirsApi,
    createPartitionsApi,
    incrementalAlterConfigsApi,
    describeClusterApi,
    describeTopicPartitionsApi,
  ].map((api) => [api.key, api]),
);
