/** DeleteRecords: moves the start of a log up. Answered when the new start survives a crash. */
import { deleteRecordsApi, type DeleteRecordsRequest, type DeleteRecordsResponse } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { entryError } from './entry-error.js';
import { requireOpenTopic } from './require-open-topic.js';

type Entry = DeleteRecordsRequest['partitions'][number];
type Result = DeleteRecordsResponse['partitions'][number];

export function deleteRecordsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(deleteRecordsApi, async (request) => {
    const partitions: Result[] = [];
    for (const entry of request.partitions) partitions.push(await deleteRecords(services, entry));
    return { body: { partitions } };
  });
}

async function deleteRecords(services: BrokerServices, entry: Entry): Promise<Result> {
  const { topicId, partition: index, beforeOffset } = entry;
  try {
    const partition = services.partitions.leader(topicId, index, -1);
    requireOpenTopic(partition.topicName);
    const logStartOffset = await partition.deleteRecordsBefore(beforeOffset);
    return { topicId, partition: index, error: 0, message: null, logStartOffset };
  } catch (error) {
    return { topicId, partition: index, ...entryError(services, deleteRecordsApi, error), logStartOffset: -1 };
  }
}
