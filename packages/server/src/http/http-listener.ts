/**
 * Health and metrics over HTTP.
 *
 *     GET /health/live    200 while the process can answer at all
 *     GET /health/ready   200 when the node serves, else 503 with the reasons
 *     GET /metrics        Prometheus text
 *
 * It is opened before the node has recovered its logs, so that a supervisor can tell a slow start from a dead process.
 */
import { createAdaptorServer } from '@hono/node-server';
import type { Address } from '@millrace/base';
import { listenError } from '@millrace/broker';
import { Hono } from 'hono';
import type { Server } from 'node:http';

export interface HttpListenerOptions {
  readonly address: Address;
  /** Why the node should not get traffic; empty when it should. */
  readonly problems: () => readonly string[];
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

export interface HttpListener {
  /** As bound, with the real port. */
  readonly address: Address;
  close(): Promise<void>;
}

/** Scrapers and health checks, not users. */
const maxConnections = 256;
const requestTimeoutMs = 10_000;

/** Rejects with a typed error when the address cannot be bound. */
export async function openHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const app = new Hono();
  app.get('/health/live', (context) => context.json({ status: 'live' }));
  app.get('/health/ready', (context) => {
    const reasons = options.problems();
    return reasons.length === 0
      ? context.json({ status: 'ready', reasons })
      : context.json({ status: 'not ready', reasons }, 503);
  });
  app.get('/metrics', async (context) =>
    context.body(await options.metrics.text(), 200, { 'Content-Type': options.metrics.contentType }),
  );
  app.notFound((context) => context.text('Not found. There are /health/live, /health/ready and /metrics.\n', 404));

  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.maxConnections = maxConnections;
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = requestTimeoutMs;
  await listen(server, options.address);
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : options.address.port;
  return { address: { host: options.address.host, port }, close: () => close(server) };
}

function listen(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => reject(listenError(error, address, 'listener.http'));
    server.once('error', fail);
    server.listen(address.port, address.host, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
