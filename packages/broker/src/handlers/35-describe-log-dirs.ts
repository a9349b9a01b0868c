/** DescribeLogDirs: offsets and sizes of the logs that this node holds, whether it leads or follows. */
import { describeLogDirsApi, type DescribeLogDirsResponse } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';

type Result = DescribeLogDirsResponse['partitions'][number];

const unknown = { isLeader: false, logStartOffset: -1, highWatermark: -1, logEndOffset: -1, sizeBytes: -1 };

export function describeLogDirsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(describeLogDirsApi, (request) => ({
    body: { partitions: request.partitions.map(({ topicId, partition }) => describe(services, topicId, partition)) },
  }));
}

function describe(services: BrokerServices, topicId: string, index: number): Result {
  try {
    const { log, highWatermark, leadership, isOffline } = services.partitions.replica(topicId, index);
    return {
      topicId,
      partition: index,
      error: 0,
      message: null,
      isLeader: leadership !== undefined && !isOffline,
      logStartOffset: log.startOffset,
      highWatermark,
      logEndOffset: log.endOffset,
      sizeBytes: log.sizeBytes,
    };
  } catch (error) {
    return { topicId, partition: index, ...entryError(services, describeLogDirsApi, error), ...unknown };
  }
}
