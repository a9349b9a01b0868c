/** The dispatch table: every API this node serves. What is not listed here is refused. */
import { helloApi } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import type { AnyHandler } from '../request.js';
import { produceHandler } from './00-produce.js';
import { fetchHandler } from './01-fetch.js';
import { listOffsetsHandler } from './02-list-offsets.js';
import { metadataHandler } from './03-metadata.js';
import { helloHandler } from './18-hello.js';
import { createTopicsHandler } from './19-create-topics.js';
import { deleteTopicsHandler } from './20-delete-topics.js';
import { deleteRecordsHandler } from './21-delete-records.js';
import { initProducerIdHandler } from './22-init-producer-id.js';
import { describeConfigsHandler } from './32-describe-configs.js';
import { describeLogDirsHandler } from './35-describe-log-dirs.js';
import { createPartitionsHandler } from './37-create-partitions.js';
import { incrementalAlterConfigsHandler } from './44-incremental-alter-configs.js';
import { describeClusterHandler } from './60-describe-cluster.js';
import { describeTopicPartitionsHandler } from './75-describe-topic-partitions.js';

export function dispatchTable(services: BrokerServices): readonly AnyHandler[] {
  const handlers = [
    produceHandler(services),
    fetchHandler(services),
    listOffsetsHandler(services),
    metadataHandler(services),
    createTopicsHandler(services),
    deleteTopicsHandler(services),
    deleteRecordsHandler(services),
    initProducerIdHandler(services),
    describeConfigsHandler(services),
    describeLogDirsHandler(services),
    createPartitionsHandler(services),
    incrementalAlterConfigsHandler(services),
    describeClusterHandler(services),
    describeTopicPartitionsHandler(services),
  ];
  const served = new Set([helloApi.key, ...handlers.map(({ api }) => api.key)]);
  return [...handlers, helloHandler(services, served)];
}
