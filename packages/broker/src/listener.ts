/**
 * One listening port and its connections: accepts up to a cap in all and per remote address, and enforces every
 * connection's deadlines with one timer, which runs only while there are connections. Until `serve` nobody is answered.
 */
import type { Address, Environment, Listener, Socket, Timer } from '@millrace/base';
import { type ApiListener, SlabPool } from '@millrace/protocol';
import type { BrokerMetrics } from './broker-metrics.js';
import type { BrokerSettings } from './broker-settings.js';
import { Connection, type RequestFrame } from './connection.js';
import { listenError } from './listen-error.js';
import { OutputBudget } from './output-budget.js';

export interface BrokerListenerOptions {
  readonly environment: Environment;
  readonly kind: ApiListener;
  readonly address: Address;
  readonly settings: BrokerSettings;
  readonly metrics: BrokerMetrics;
  readonly onRequest: (connection: Connection, frame: RequestFrame) => void;
  readonly onClosed?: (connection: Connection) => void;
}

const tickMs = 1000;
/** Refused connections come in floods; one line says enough. */
const refusalLogMs = 10_000;

export class BrokerListener {
  readonly #options: BrokerListenerOptions;
  readonly #connections = new Set<Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #slabs: SlabPool;
  readonly #outputs: OutputBudget;
  #listener: Listener | undefined;
  #timer: Timer | undefined;
  #nextId = 1;
  #isServing = false;
  #isClosing = false;
  #refusalLoggedMs = -Infinity;
  #onEmpty: (() => void) | undefined;

  private constructor(options: BrokerListenerOptions) {
    const { settings } = options;
    this.#options = options;
    this.#slabs = new SlabPool({ maxFreeBytes: settings.keptRequestBytes });
    this.#outputs = new OutputBudget(settings.maxAllOutputBytes);
  }

  /** Rejects with a typed error when the address cannot be bound. */
  static async open(options: BrokerListenerOptions): Promise<BrokerListener> {
    const { environment, address, kind } = options;
    const opened = new BrokerListener(options);
    try {
      opened.#listener = await environment.network.listen(address, (socket) => opened.#accept(socket));
    } catch (error) {
      throw listenError(error, address, `listener.${kind}`);
    }
    return opened;
  }

  /** As bound, with the real port. */
  get address(): Address {
    return this.#listener?.address ?? this.#options.address;
  }

  get connections(): Iterable<Connection> {
    return this.#connections;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Begins with the requests of those who have connected meanwhile. */
  serve(): void {
    this.#isServing = true;
    for (const connection of [...this.#connections]) connection.serve();
  }

  /** Stops accepting; connections live on until `drain`. */
  async stopAccepting(): Promise<void> {
    this.#isClosing = true;
    await this.#listener?.close();
  }

  /** Lets every connection answer what it has begun, then closes it; whoever takes longer is cut off. */
  async drain(timeoutMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    const { clock } = this.#options.environment;
    await new Promise<void>((resolve) => {
      const deadline = clock.schedule(timeoutMs, () => {
        for (const connection of [...this.#connections]) connection.destroy();
      });
      this.#onEmpty = () => {
        deadline.cancel();
        resolve();
      };
      for (const connection of [...this.#connections]) connection.drain();
    });
  }

  #accept(socket: Socket): void {
    const { settings, metrics, kind, environment } = this.#options;
    const host = socket.remote.host;
    const fromAddress = this.#perAddress.get(host) ?? 0;
    if (
      this.#isClosing ||
      this.#connections.size >= settings.maxConnections ||
      fromAddress >= settings.maxConnectionsPerAddress
    ) {
      this.#refuse(socket);
      return;
    }
    this.#perAddress.set(host, fromAddress + 1);
    const connection = new Connection({
      id: this.#nextId++,
      socket,
      listener: kind,
      settings,
      clock: environment.clock,
      logger: environment.logger,
      metrics,
      slabs: this.#slabs,
      outputs: this.#outputs,
      onRequest: this.#options.onRequest,
      onClosed: (closed) => {
        this.#forget(closed, host);
        this.#options.onClosed?.(closed);
      },
    });
    if (this.#isServing) connection.serve();
    this.#connections.add(connection);
    metrics.accepted(kind);
    metrics.connections(kind, this.#connections.size);
    this.#timer ??= environment.clock.schedule(tickMs, () => this.#tick());
  }

  #refuse(socket: Socket): void {
    const { metrics, kind, environment } = this.#options;
    socket.setHandler({ onData: () => undefined, onDrain: () => undefined, onClose: () => undefined });
    socket.destroy();
    metrics.refused(kind, 'TOO_MANY_CONNECTIONS');
    const nowMs = environment.clock.monotonicMs();
    if (nowMs - this.#refusalLoggedMs < refusalLogMs) return;
    this.#refusalLoggedMs = nowMs;
    environment.logger.warn('connections refused: the limit is reached', {
      listener: kind,
      remote: socket.remote.host,
      connections: this.#connections.size,
    });
  }

  #forget(connection: Connection, host: string): void {
    if (!this.#connections.delete(connection)) return;
    const left = (this.#perAddress.get(host) ?? 1) - 1;
    if (left === 0) this.#perAddress.delete(host);
    else this.#perAddress.set(host, left);
    this.#options.metrics.connections(this.#options.kind, this.#connections.size);
    if (this.#connections.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#onEmpty?.();
  }

  #tick(): void {
    const { clock } = this.#options.environment;
    this.#timer = clock.schedule(tickMs, () => this.#tick());
    const nowMs = clock.monotonicMs();
    for (const connection of [...this.#connections]) connection.tick(nowMs);
  }
}
