/**
 * ReplicaFetch: a follower says how far it is, which may move the high watermark, and gets what it lacks.
 *
 *     arrival: is it a replica, of this epoch, on this log? --no--> told why, or where its log left this one
 *        |yes: noted at once, before anything waits
 *     reserve output -> read -> records, news, or no time to wait: answer
 *                         \---> give the output back, wait for an append or the deadline -> reserve, read, ...
 *
 * A request for no bytes at all only reports, and is answered at once.
 */
import {
  protocolError,
  replicaFetchApi,
  type ReplicaFetchRequest,
  type ReplicaFetchResponse,
} from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import type { Connection } from '../connection.js';
import { divergenceOf } from '../partition/divergence.js';
import { type Arrival, ReplicaReading } from '../replication/replica-reading.js';
import { type Answer, type AnyHandler, handlerOf } from '../request.js';
import { PendingFetch } from '../waiting/pending-fetch.js';

type Entry = ReplicaFetchRequest['partitions'][number];

export function replicaFetchHandler(services: BrokerServices): AnyHandler {
  return handlerOf(replicaFetchApi, (request, { connection }) => replicaFetch(services, request, connection));
}

async function replicaFetch(
  services: BrokerServices,
  request: ReplicaFetchRequest,
  connection: Connection,
): Promise<Answer<ReplicaFetchResponse>> {
  const { clock, settings, metrics } = services;
  requireFollower(services, request, connection);
  const arrivals = request.partitions.map((entry) => arrivalOf(services, request, entry));
  const wantedBytes = Math.min(request.maxBytes, settings.fetchMaxBytes);
  const deadlineMs = clock.monotonicMs() + Math.min(request.maxWaitMs, settings.maxWaitMs);
  for (;;) {
    const turn = wantedBytes === 0 ? 0 : connection.output.reserve(wantedBytes);
    const maxBytes = typeof turn === 'number' ? turn : await turn;
    const reading = await ReplicaReading.of(services, { request, arrivals, maxBytes }).catch((error: unknown) => {
      if (maxBytes > 0) connection.output.giveBack(maxBytes);
      throw error;
    });
    const waitMs = deadlineMs - clock.monotonicMs();
    const isEnough = maxBytes === 0 || reading.bytes >= request.minBytes || reading.isFinal;
    if (isEnough || waitMs <= 0 || connection.isClosed || services.isStopping()) {
      metrics.replication.sent(reading.bytes);
      const reply = {
        body: { partitions: reading.results },
        payload: reading.payload,
        release: () => reading.release(),
      };
      return maxBytes === 0 ? reply : { ...reply, reservedBytes: maxBytes };
    }
    reading.release();
    connection.output.giveBack(maxBytes);
    await moreBytes(services, connection, reading, Math.min(waitMs, reading.throttledMs));
  }
}

/** Only the node itself reports how far it is: what a replica has synced decides what is acknowledged. */
function requireFollower(services: BrokerServices, request: ReplicaFetchRequest, connection: Connection): void {
  const { brokerId, brokerEpoch } = request;
  if (connection.node?.nodeId !== brokerId) {
    throw protocolError('CLUSTER_AUTHORIZATION_FAILED', `This connection is not node ${brokerId}'s.`);
  }
  const registered = services.controller.image.brokers.get(brokerId)?.brokerEpoch ?? -1;
  if (brokerEpoch >= registered) return;
  throw protocolError(
    'STALE_BROKER_EPOCH',
    `Node ${brokerId} registered again with broker epoch ${registered}: a fetch of ${brokerEpoch} does not count.`,
  );
}

function arrivalOf(services: BrokerServices, request: ReplicaFetchRequest, entry: Entry): Arrival {
  let logStartOffset = -1;
  try {
    const partition = services.partitions.leader(entry.topicId, entry.partition, entry.leaderEpoch);
    const leadership = partition.requireLeader(entry.leaderEpoch);
    if (leadership.follower(request.brokerId) === undefined) {
      throw protocolError(
        'REPLICA_NOT_AVAILABLE',
        `Node ${request.brokerId} is no replica of ${partition.label} as far as its leader knows: try again.`,
      );
    }
    const { log } = partition;
    logStartOffset = log.startOffset;
    const divergence = divergenceOf(log, leadership, entry);
    if (divergence !== undefined) return { kind: 'diverges', leadership, divergence };
    partition.requireInRange(entry.fetchOffset);
    const position = {
      brokerEpoch: request.brokerEpoch,
      endOffset: entry.fetchOffset,
      syncedEndOffset: entry.syncedEndOffset,
      logStartOffset: entry.logStartOffset,
    };
    if (partition.noteFetch(request.brokerId, position)) return { kind: 'reads', partition, leadership };
    throw protocolError('STALE_BROKER_EPOCH', `A later process of node ${request.brokerId} has fetched already.`);
  } catch (error) {
    return { kind: 'fails', error, logStartOffset };
  }
}

/** Resolves when more was appended, waiting is pointless, the time is over, or the peer is gone. */
async function moreBytes(
  services: BrokerServices,
  connection: Connection,
  reading: ReplicaReading,
  waitMs: number,
): Promise<void> {
  // What was appended while the disk was read did not wake anybody.
  if (reading.missedBytes > 0) return;
  services.fetchDeadlines.requireRoom();
  await new Promise<void>((resolve) => {
    const pending = new PendingFetch({
      partitions: reading.partitions.map(({ followerReads }) => followerReads),
      missingBytes: 1,
      deadlines: services.fetchDeadlines,
      onEnd: () => {
        connection.forget(pending);
        resolve();
      },
    });
    pending.start(waitMs);
    connection.cancelOnClose(pending);
  });
}
