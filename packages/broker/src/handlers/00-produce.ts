/**
 * Produce: appends each entry's batch at once, in the order of arrival, and answers when all are committed (acks all),
 * when this node has them safe (acks 1), or not at all (acks 0).
 *
 * Entries stand alone: one that is refused changes nothing for the others. With acks 0 nobody hears of an error, so
 * the connection is closed: the producer notices, and refreshes its metadata.
 */
import { produceApi, type ProduceRequest, type ProduceResponse, protocolError, splitPayload } from '@millrace/protocol';
import { nextBatchSize } from '@millrace/record';
import type { BrokerServices } from '../broker-services.js';
import { type Answer, type AnyHandler, handlerOf, type RequestContext } from '../request.js';
import { PendingProduce } from '../waiting/pending-produce.js';
import { entryError } from './entry-error.js';
import { requireOpenTopic } from './require-open-topic.js';

type Entry = ProduceRequest['partitions'][number];
type Result = ProduceResponse['partitions'][number];

export function produceHandler(services: BrokerServices): AnyHandler {
  return handlerOf(produceApi, (request, context) => produce(services, request, context));
}

function produce(
  services: BrokerServices,
  request: ProduceRequest,
  context: RequestContext,
): Answer<ProduceResponse> | Promise<Answer<ProduceResponse>> {
  if (request.transactionalId !== null) {
    throw protocolError('INVALID_REQUEST', 'This node does not serve transactions yet: leave transactionalId out.');
  }
  if (request.acks !== 0) services.produceDeadlines.requireRoom();
  const batches = splitPayload(request.partitions, context.payload);
  const results: Result[] = [];
  let pending: PendingProduce | undefined;
  let done: (() => void) | undefined;

  for (const [index, entry] of request.partitions.entries()) {
    try {
      const partition = services.partitions.leader(entry.topicId, entry.partition, entry.leaderEpoch);
      requireOpenTopic(partition.topicName);
      if (services.mayBeReplaced()) partition.requireNoOtherLeader();
      if (request.acks === -1) partition.requireMinInSync();
      const batch = requireOneBatch(batches[index] ?? new Uint8Array());
      const { baseOffset, lastOffset, logAppendTimeMs } = partition.append(batch, context.memory);
      services.metrics.produced(batch.length);
      results.push({
        topicId: entry.topicId,
        partition: entry.partition,
        error: 0,
        message: null,
        baseOffset,
        logAppendTimeMs,
        logStartOffset: partition.log.startOffset,
      });
      if (request.acks === 0 || partition.isCommitted(lastOffset, request.acks)) continue;
      pending ??= new PendingProduce({
        deadlines: services.produceDeadlines,
        onEntryFailed: (failed, error) => {
          results[failed] = failedResult(services, request.partitions[failed] ?? entry, error);
        },
        onDone: () => done?.(),
      });
      pending.waitFor(index, partition, { lastOffset, acks: request.acks });
    } catch (error) {
      results.push(failedResult(services, entry, error));
    }
  }

  if (request.acks === 0) {
    if (results.some(({ error }) => error !== 0)) context.connection.destroy();
    return undefined;
  }
  if (pending === undefined) return { body: { partitions: results } };
  const waiting = pending;
  return new Promise((resolve) => {
    done = () => resolve({ body: { partitions: results } });
    waiting.start(Math.min(request.timeoutMs, services.settings.maxWaitMs));
  });
}

/** What is inside is the log's to check; more than one batch could not be answered with one base offset. */
function requireOneBatch(bytes: Uint8Array): Uint8Array {
  if (nextBatchSize(bytes, 0, bytes.length) === bytes.length) return bytes;
  throw protocolError('CORRUPT_MESSAGE', `An entry of ${bytes.length} bytes is not exactly one record batch.`);
}

function failedResult(services: BrokerServices, entry: Entry, error: unknown): Result {
  return {
    topicId: entry.topicId,
    partition: entry.partition,
    ...entryError(services, produceApi, error),
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
  };
}
