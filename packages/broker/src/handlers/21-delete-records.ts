/**
 * DeleteRecords: moves the start of a log up. Answered when the new start survives a crash, and every replica in sync has
 * it too; what the others have not within the time of the request is refused with REQUEST_TIMED_OUT, and done later.
 */
import { deleteRecordsApi, type DeleteRecordsRequest, type DeleteRecordsResponse } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import type { Partition } from '../partition/partition.js';
import { type AnyHandler, handlerOf } from '../request.js';
import { PendingDeletion } from '../waiting/pending-deletion.js';
import { entryError } from './entry-error.js';
import { requireOpenTopic } from './require-open-topic.js';

type Entry = DeleteRecordsRequest['partitions'][number];
type Result = DeleteRecordsResponse['partitions'][number];

export function deleteRecordsHandler(services: BrokerServices): AnyHandler {
  return handlerOf(deleteRecordsApi, async (request) => {
    services.produceDeadlines.requireRoom();
    const partitions: Result[] = [];
    const moved = new Map<number, Partition>();
    for (const [index, entry] of request.partitions.entries()) {
      try {
        const { partition, logStartOffset } = await moveStart(services, entry);
        partitions.push({ ...nameOf(entry), error: 0, message: null, logStartOffset });
        moved.set(index, partition);
      } catch (error) {
        partitions.push(refused(services, entry, error));
      }
    }
    await new Promise<void>((resolve) => {
      const pending = new PendingDeletion({
        deadlines: services.produceDeadlines,
        onEntryFailed: (index, error) => {
          partitions[index] = refused(services, request.partitions[index]!, error);
        },
        onDone: resolve,
      });
      pending.start(moved, Math.min(request.timeoutMs, services.settings.maxWaitMs));
    });
    return { body: { partitions } };
  });
}

async function moveStart(
  services: BrokerServices,
  { topicId, partition: index, beforeOffset }: Entry,
): Promise<{ readonly partition: Partition; readonly logStartOffset: number }> {
  const partition = services.partitions.leader(topicId, index, -1);
  requireOpenTopic(partition.topicName);
  return { partition, logStartOffset: await partition.deleteRecordsBefore(beforeOffset) };
}

function refused(services: BrokerServices, entry: Entry, error: unknown): Result {
  return { ...nameOf(entry), ...entryError(services, deleteRecordsApi, error), logStartOffset: -1 };
}

function nameOf({ topicId, partition }: Entry): Pick<Result, 'topicId' | 'partition'> {
  return { topicId, partition };
}
