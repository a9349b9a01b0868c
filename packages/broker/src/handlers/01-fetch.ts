/**
 * Fetch: reads what is committed; with less than `minBytes` there, waits for more and reads again.
 *
 *     reserve output -> read -> enough, an error, or no time to wait: answer
 *                         \---> give the output back, wait for bytes or the deadline -> reserve, read, ...
 *
 * A waiting fetch holds no memory for records and no place in the output.
 */
import { fetchApi, type FetchRequest, type FetchResponse } from '@millrace/protocol';
import type { BrokerServices } from '../broker-services.js';
import type { Connection } from '../connection.js';
import { type Answer, type AnyHandler, handlerOf } from '../request.js';
import { PendingFetch } from '../waiting/pending-fetch.js';
import { FetchReading } from './fetch-reading.js';

export function fetchHandler(services: BrokerServices): AnyHandler {
  return handlerOf(fetchApi, (request, { connection }) => fetchRecords(services, request, connection));
}

async function fetchRecords(
  services: BrokerServices,
  request: FetchRequest,
  connection: Connection,
): Promise<Answer<FetchResponse>> {
  const { clock, settings } = services;
  const wantedBytes = Math.min(request.maxBytes, settings.fetchMaxBytes);
  const deadlineMs = clock.monotonicMs() + Math.min(request.maxWaitMs, settings.maxWaitMs);
  for (;;) {
    const turn = connection.output.reserve(wantedBytes);
    const maxBytes = typeof turn === 'number' ? turn : await turn;
    const minBytes = Math.min(request.minBytes, maxBytes);
    const reading = await FetchReading.of(services, request, maxBytes).catch((error: unknown) => {
      connection.output.giveBack(maxBytes);
      throw error;
    });
    const waitMs = deadlineMs - clock.monotonicMs();
    if (reading.bytes >= minBytes || reading.isFinal || waitMs <= 0 || connection.isClosed || services.isStopping()) {
      services.metrics.fetched(reading.bytes);
      return {
        body: { partitions: reading.results },
        payload: reading.payload,
        release: () => reading.release(),
        reservedBytes: maxBytes,
      };
    }
    reading.release();
    connection.output.giveBack(maxBytes);
    await moreBytes(services, { connection, reading, missingBytes: reading.bytesToWaitFor(minBytes), waitMs });
  }
}

interface Wait {
  readonly connection: Connection;
  readonly reading: FetchReading;
  readonly missingBytes: number;
  readonly waitMs: number;
}

/** Resolves when so much more can be read, waiting is pointless, the time is over, or the peer is gone. */
async function moreBytes(services: BrokerServices, wait: Wait): Promise<void> {
  const { connection, reading, waitMs } = wait;
  // What arrived while the disk was read did not wake anybody.
  const missingBytes = wait.missingBytes - reading.missedBytes;
  if (missingBytes <= 0) return;
  services.fetchDeadlines.requireRoom();
  await new Promise<void>((resolve) => {
    const pending = new PendingFetch({
      partitions: reading.partitions,
      missingBytes,
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
