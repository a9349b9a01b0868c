/**
 * Health and metrics over HTTP.
 *
 *     GET /health/live    200 while the process can answer at all
 *     GET /health/ready   200 when the node serves, else 503 with the reasons
 *     GET /metrics        Prometheus text
 *
 * It is opened before the node has recovered its logs, so that a supervisor can tell a slow start from a dead process.
 * What answers is loaded with the first request: a node does not start later for it.
 */
import type { Address } from '@millrace/base';
import { listenError } from '@millrace/broker';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { MetricFamily } from '../metrics/metrics-recorder.js';

export interface HttpListenerOptions {
  readonly address: Address;
  /** Why the node should not get traffic; empty when it should. */
  readonly problems: () => readonly string[];
  readonly metrics: () => readonly MetricFamily[];
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
  let answering: Promise<RequestListener> | undefined;
  const server = createServer((request, response) => {
    answering ??= loadApp(options);
    answering.then(
      (answer) => answer(request, response),
      (error: unknown) => response.destroy(error as Error),
    );
  });
  server.maxConnections = maxConnections;
  server.requestTimeout = requestTimeoutMs;
  server.headersTimeout = requestTimeoutMs;
  await listen(server, options.address);
  const bound = server.address();
  const port = bound !== null && typeof bound === 'object' ? bound.port : options.address.port;
  return { address: { host: options.address.host, port }, close: () => close(server) };
}

async function loadApp(options: HttpListenerOptions): Promise<RequestListener> {
  const [{ getRequestListener }, { Hono }, { prometheusContentType, prometheusText }] = await Promise.all([
    import('@hono/node-server'),
    import('hono'),
    import('../metrics/prometheus-text.js'),
  ]);
  const app = new Hono();
  app.get('/health/live', (context) => context.json({ status: 'live' }));
  app.get('/health/ready', (context) => {
    const reasons = options.problems();
    return reasons.length === 0
      ? context.json({ status: 'ready', reasons })
      : context.json({ status: 'not ready', reasons }, 503);
  });
  app.get('/metrics', async (context) => {
    const text = await prometheusText(options.metrics());
    return context.body(text, 200, { 'Content-Type': prometheusContentType });
  });
  app.notFound((context) => context.text('Not found. There are /health/live, /health/ready and /metrics.\n', 404));
  const answer = getRequestListener(app.fetch);
  return (request, response) => void answer(request, response);
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
