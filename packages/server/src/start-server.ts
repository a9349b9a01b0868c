/**
 * A node as one object in this process: real files, sockets and time around `createNode`, and the HTTP listener.
 */
import {
  type Address,
  type Environment,
  formatAddress,
  type Logger,
  type Metrics,
  noMetrics,
  silentLogger,
} from '@millrace/base';
import { nodeEnvironment } from '@millrace/base/node';
import { createNode, type MillraceNode } from './create-node.js';
import { type HttpListener, openHttpListener } from './http/http-listener.js';
import { MetricsRecorder } from './metrics/metrics-recorder.js';
import { observeProcess } from './process/process-metrics.js';
import { advertisedFor } from './process/advertised-address.js';
import { loadNodeConfig, type NodeConfig } from './settings/node-config.js';

export interface StartServerOptions {
  /** The data directory; created when absent. */
  readonly dataDir: string;
  /** `host:port` that clients connect to; port 0 picks a free one. Default `127.0.0.1:7400`. */
  readonly client?: string;
  /** `host:port` for other nodes. Off unless given. */
  readonly internal?: string;
  /** `host:port` for health and metrics. Off unless given. */
  readonly http?: string;
  readonly nodeId?: number;
  /** Settings by key, for instance `{ 'num.partitions': 3 }`; checked like those of a file. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Where log lines go. Default: nowhere. */
  readonly logger?: Logger;
}

/** Listeners as bound, each `host:port` with the real port. */
export interface ServerAddresses {
  /** Undefined where there is no broker. */
  readonly client: string | undefined;
  readonly internal: string | undefined;
  readonly http: string | undefined;
}

/** A whole node in this process. */
export interface MillraceServer extends AsyncDisposable {
  readonly nodeId: number;
  readonly clusterId: string;
  /** What clients take as `bootstrap`: `host:port`; empty where there is no broker. */
  readonly bootstrap: string;
  readonly addresses: ServerAddresses;
  /** Resolves, if ever, with why the node cannot go on: it is to be closed then. */
  readonly failed: Promise<unknown>;
  /** Hands leaderships over, answers what waits, syncs all, marks a clean stop. Calling twice waits for the same end. */
  close(): Promise<void>;
}

/** Resolves when the node serves; rejects with one clear error when it cannot. */
export async function startServer(options: StartServerOptions): Promise<MillraceServer> {
  const { files } = nodeEnvironment();
  const overrides: Record<string, string> = {};
  for (const [key, value] of Object.entries(options.settings ?? {})) overrides[key] = String(value);
  overrides['data.dir'] = options.dataDir;
  if (options.client !== undefined) overrides['listener.client'] = options.client;
  overrides['listener.internal'] = options.internal ?? '';
  overrides['listener.http'] = options.http ?? '';
  if (options.nodeId !== undefined) overrides['node.id'] = String(options.nodeId);
  const config = await loadNodeConfig({ files, overrides, overridesPlace: 'startServer' });
  return serveNode(config, options.logger === undefined ? {} : { logger: options.logger });
}

/** As `startServer`, for a configuration that was loaded already. */
export async function serveNode(
  config: NodeConfig,
  { logger = silentLogger, signal }: { readonly logger?: Logger; readonly signal?: AbortSignal } = {},
): Promise<MillraceServer> {
  const shell = config.http === undefined ? undefined : await HttpShell.open(config.http);
  try {
    const environment: Environment = nodeEnvironment({ logger, metrics: shell?.metrics ?? noMetrics });
    const advertised = config.advertised ?? advertisedFor(config.client);
    const advertisedInternal = config.advertisedInternal ?? (config.internal && advertisedFor(config.internal));
    const node = await createNode(
      { ...config, advertised, advertisedInternal },
      environment,
      signal === undefined ? {} : { signal },
    );
    shell?.serves(node);
    return new Server(node, shell);
  } catch (error) {
    await shell?.close();
    throw error;
  }
}

/** The HTTP listener and what it shows. */
class HttpShell {
  readonly metrics: Metrics;
  readonly #listener: HttpListener;
  readonly #stopMeasuring: () => void;
  readonly #shown: { node: MillraceNode | undefined };

  private constructor(
    metrics: Metrics,
    parts: { listener: HttpListener; stopMeasuring: () => void; shown: { node: MillraceNode | undefined } },
  ) {
    this.metrics = metrics;
    this.#listener = parts.listener;
    this.#stopMeasuring = parts.stopMeasuring;
    this.#shown = parts.shown;
  }

  static async open(address: Address): Promise<HttpShell> {
    const metrics = new MetricsRecorder();
    const shown: { node: MillraceNode | undefined } = { node: undefined };
    const problems = (): readonly string[] => shown.node?.problems ?? ['the node is starting'];
    const listener = await openHttpListener({ address, problems, metrics: () => metrics.families() });
    return new HttpShell(metrics, { listener, stopMeasuring: observeProcess(metrics), shown });
  }

  get address(): string {
    return formatAddress(this.#listener.address);
  }

  serves(node: MillraceNode): void {
    this.#shown.node = node;
  }

  async close(): Promise<void> {
    this.#stopMeasuring();
    await this.#listener.close();
  }
}

class Server implements MillraceServer {
  readonly nodeId: number;
  readonly clusterId: string;
  readonly bootstrap: string;
  readonly addresses: ServerAddresses;
  readonly failed: Promise<unknown>;
  readonly #node: MillraceNode;
  readonly #shell: HttpShell | undefined;
  #closing: Promise<void> | undefined;

  constructor(node: MillraceNode, shell: HttpShell | undefined) {
    this.#node = node;
    this.#shell = shell;
    this.nodeId = node.nodeId;
    this.clusterId = node.clusterId;
    this.failed = node.failed;
    const client = node.clientAddress === undefined ? undefined : formatAddress(node.clientAddress);
    const internal = node.internalAddress === undefined ? undefined : formatAddress(node.internalAddress);
    this.addresses = { client, internal, http: shell?.address };
    this.bootstrap = client ?? '';
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    try {
      await this.#node.close();
    } finally {
      await this.#shell?.close();
    }
  }
}
