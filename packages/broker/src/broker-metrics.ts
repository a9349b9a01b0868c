/**
 * What the broker measures. Label values come from tables (apis, error names, listeners), never from peers.
 *
 * Label objects are made once and passed again: an implementation may know them by identity.
 */
import type { Counter, Gauge, Histogram, Labels, Metrics } from '@millrace/base';
import { type ApiListener, apis, errorByNumber } from '@millrace/protocol';
import { ReplicationMetrics } from './replication/replication-metrics.js';

const latencySeconds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
const listenerLabels: Readonly<Record<ApiListener, Labels>> = {
  client: { listener: 'client' },
  internal: { listener: 'internal' },
};

export class BrokerMetrics {
  readonly replication: ReplicationMetrics;
  /** Asked at each scrape. */
  readonly pendingProduces: Gauge;
  readonly pendingFetches: Gauge;
  readonly partitions: Gauge;
  readonly offlinePartitions: Gauge;
  readonly logBytes: Gauge;
  readonly freeDiskBytes: Gauge;
  readonly #openConnections: Gauge;
  readonly #acceptedConnections: Counter;
  readonly #refusedConnections: Counter;
  readonly #receivedBytes: Counter;
  readonly #sentBytes: Counter;
  readonly #requests: Counter;
  readonly #requestSeconds: Histogram;
  readonly #errors: Counter;
  readonly #producedBytes: Counter;
  readonly #fetchedBytes: Counter;
  readonly #apiLabels: ReadonlyMap<number, Labels>;
  readonly #errorLabels = new Map<number, Labels>();

  constructor(metrics: Metrics) {
    const counter = (name: string, help: string, labels: readonly string[] = []): Counter =>
      metrics.counter({ name: `millrace_${name}`, help, labels });
    const gauge = (name: string, help: string, labels: readonly string[] = []): Gauge =>
      metrics.gauge({ name: `millrace_${name}`, help, labels });
    this.replication = new ReplicationMetrics(metrics);
    this.#openConnections = gauge('connections', 'Open connections.', ['listener']);
    this.#acceptedConnections = counter('connections_accepted_total', 'Connections accepted.', ['listener']);
    this.#refusedConnections = counter('connections_refused_total', 'Connections refused, by reason.', [
      'listener',
      'error',
    ]);
    this.#receivedBytes = counter('network_received_bytes_total', 'Bytes read from connections.', ['listener']);
    this.#sentBytes = counter('network_sent_bytes_total', 'Bytes written to connections.', ['listener']);
    this.#requests = counter('requests_total', 'Requests answered.', ['api']);
    this.#errors = counter('request_errors_total', 'Errors in replies, one for each failed entry.', ['api', 'error']);
    this.#requestSeconds = metrics.histogram({
      name: 'millrace_request_duration_seconds',
      help: 'From the arrival of a request to its reply, waiting included.',
      labels: ['api'],
      buckets: latencySeconds,
    });
    this.#producedBytes = counter('produced_bytes_total', 'Bytes of record batches appended for clients.');
    this.#fetchedBytes = counter('fetched_bytes_total', 'Bytes of record batches sent to readers.');
    this.pendingProduces = gauge('pending_produces', 'Produce requests waiting to be committed.');
    this.pendingFetches = gauge('pending_fetches', 'Fetch requests waiting for records.');
    this.partitions = gauge('partitions', 'Partitions this node serves.');
    this.offlinePartitions = gauge('offline_partitions', 'Partitions whose log failed.');
    this.logBytes = gauge('log_bytes', 'Bytes of all segments of all logs.');
    this.freeDiskBytes = gauge('disk_free_bytes', 'Free bytes on the disk of the data directory.');
    this.#apiLabels = new Map([...apis.values()].map(({ key, name }) => [key, { api: name }]));
  }

  connections(listener: ApiListener, count: number): void {
    this.#openConnections.set(count, listenerLabels[listener]);
  }

  accepted(listener: ApiListener): void {
    this.#acceptedConnections.add(1, listenerLabels[listener]);
  }

  /** `code` is a name of the error table. */
  refused(listener: ApiListener, code: string): void {
    this.#refusedConnections.add(1, { listener, error: code });
  }

  received(listener: ApiListener, bytes: number): void {
    this.#receivedBytes.add(bytes, listenerLabels[listener]);
  }

  sent(listener: ApiListener, bytes: number): void {
    this.#sentBytes.add(bytes, listenerLabels[listener]);
  }

  answered(apiKey: number, durationMs: number): void {
    const labels = this.#apiLabels.get(apiKey);
    if (labels === undefined) return;
    this.#requests.add(1, labels);
    this.#requestSeconds.record(durationMs / 1000, labels);
  }

  /** An api key that no API has is counted under `unknown`. */
  failed(apiKey: number, errorNumber: number): void {
    const key = apiKey * 65_536 + errorNumber;
    let labels = this.#errorLabels.get(key);
    if (labels === undefined) {
      const api = apis.get(apiKey)?.name ?? 'unknown';
      labels = { api, error: errorByNumber(errorNumber)?.name ?? 'UNKNOWN_SERVER_ERROR' };
      if (apis.has(apiKey)) this.#errorLabels.set(key, labels);
    }
    this.#errors.add(1, labels);
  }

  produced(bytes: number): void {
    this.#producedBytes.add(bytes);
  }

  fetched(bytes: number): void {
    this.#fetchedBytes.add(bytes);
  }
}
