/**
 * The way from one node of the cluster to another: the internal listener at one address.
 *
 * One connection, opened when it is first needed and again after it broke, with growing pauses. Calls and one-way
 * messages leave in the order in which they were made while it is open. While it opens, calls wait for it within their
 * time, and the newest one-way messages are held for it: a peer that is spoken to rarely, over a connection that was
 * closed as idle meanwhile, would otherwise never hear anything. They are dropped when it could not be opened: whoever
 * sends them sends newer ones later.
 *
 * Everything is bounded: calls by number, what waits for a slow peer by number and bytes. Nothing is sent twice.
 */
import {
  errorMessage,
  formatAddress,
  MillraceError,
  type Address,
  type Backoff,
  type Environment,
  type RandomStream,
} from '@millrace/base';
import { defaultMaxFrameBytes, protocolError, SlabPool, type Api, type NodeCredentials } from '@millrace/protocol';
import { Connection, type SendOptions } from './connection.js';
import { DeadlineQueue } from './deadline-queue.js';
import { type HeldMessage, HeldMessages } from './held-messages.js';
import { NodeLink } from './node-link.js';
import type { Reply } from './request.js';

export interface NodeChannelOptions {
  readonly environment: Pick<Environment, 'clock' | 'network' | 'random' | 'logger'>;
  readonly address: Address;
  /** Whom we expect there; a node that says it is another one is not spoken to. */
  readonly nodeId: number;
  /** Who we are, asked for each connection: a node learns its cluster only when it has joined it. */
  readonly credentials: () => NodeCredentials;
  readonly connectTimeoutMs?: number;
  /** For calls that set no time, and how long any call may stay unanswered before the connection is given up. */
  readonly requestTimeoutMs?: number;
  readonly backoff?: Backoff;
  /** Longest reply accepted. */
  readonly maxFrameBytes?: number;
  readonly maxCalls?: number;
  /** Bytes that may wait for a peer that does not read fast enough; a message larger than that waits alone. */
  readonly maxWaitingBytes?: number;
  /** Frame memory, to be shared between channels. */
  readonly slabs?: SlabPool;
  /**
   * `refusal`: what the node said when it did not let this one in. `clusterId`: the cluster that it said it belongs to, null
   * for none yet, when it did.
   */
  readonly onReach?: (reach: NodeReach, refusal?: MillraceError, clusterId?: string | null) => void;
}

/**
 * What the connection tells of the node. `lost`: it had one, which ended. `refused`: nothing listens at the address.
 * `failed`: it could not be reached for another reason, which says nothing of the process there.
 */
export type NodeReach = 'open' | 'lost' | 'refused' | 'failed';

const softwareName = 'millrace-node';
/** A lost attempt costs this long; within a cluster a connection takes milliseconds. */
const defaultConnectTimeoutMs = 3000;
const defaultRequestTimeoutMs = 30_000;
const defaultBackoff: Backoff = { initialMs: 20, maxMs: 1000, jitter: 0.2 };
/** The node must always have room to read a Ping: it takes 64 requests of a connection at a time. */
const maxInFlight = 60;
const defaultMaxCalls = 1000;
const defaultMaxWaitingBytes = 8 * 1024 * 1024;
const maxWaiting = 10_000;

export class NodeChannel {
  readonly #options: NodeChannelOptions;
  readonly #deadlines: DeadlineQueue;
  readonly #slabs: SlabPool;
  readonly #random: RandomStream;
  readonly #link: NodeLink;
  readonly #held = new HeldMessages();
  #callCount = 0;
  #refusedWith: string | undefined;
  #isClosed = false;

  constructor(options: NodeChannelOptions) {
    this.#options = options;
    const { environment, address, nodeId } = options;
    this.#deadlines = new DeadlineQueue(environment.clock);
    this.#slabs = options.slabs ?? new SlabPool({ maxFreeBytes: 4 * 1024 * 1024 });
    this.#random = environment.random.stream(`node channel ${nodeId}`);
    this.#link = new NodeLink({
      address,
      clock: environment.clock,
      random: this.#random,
      backoff: options.backoff ?? defaultBackoff,
      open: (current, onClose, signal) => this.#open(current, onClose, signal),
      onAttempted: (connection) => {
        const messages = this.#held.takeAll();
        if (connection !== undefined) this.#noteOpen(connection);
        if (connection !== undefined) for (const message of messages) this.#post(connection, message);
      },
    });
  }

  get nodeId(): number {
    return this.#options.nodeId;
  }

  get isOpen(): boolean {
    return this.#link.connection !== undefined;
  }

  /** The node is elsewhere now. An open connection is left alone; an attempt to open one begins anew. */
  setAddress(address: Address): void {
    this.#link.setAddress(address);
  }

  /**
   * Sends a request and waits for its reply. The time covers connecting too. Rejects with NETWORK_EXCEPTION,
   * REQUEST_TIMED_OUT, REQUEST_QUEUE_FULL, the refusal of the node, or the signal's reason. The reply's payload belongs to the caller;
   * the request's must not change until the promise has settled.
   */
  async call<RequestBody, ResponseBody>(
    api: Api<RequestBody, ResponseBody>,
    body: RequestBody,
    payload: readonly Uint8Array[] = [],
    options: Pick<SendOptions, 'timeoutMs' | 'signal'> = {},
  ): Promise<Reply<ResponseBody>> {
    const { clock } = this.#options.environment;
    const maxCalls = this.#options.maxCalls ?? defaultMaxCalls;
    if (this.#callCount >= maxCalls) {
      throw protocolError('REQUEST_QUEUE_FULL', `${maxCalls} calls to node ${this.nodeId} are under way already.`);
    }
    const deadlineMs = clock.monotonicMs() + (options.timeoutMs ?? this.#requestTimeoutMs);
    const limit = { deadlines: this.#deadlines, deadlineMs, signal: options.signal };
    this.#callCount += 1;
    try {
      return await this.#link.use(limit, (connection) =>
        connection.send(api, body, payload, { ...options, timeoutMs: deadlineMs - clock.monotonicMs() }),
      );
    } finally {
      this.#callCount -= 1;
    }
  }

  /**
   * Sends a message that has no reply, or drops it: never waits, never throws. Returns whether it is on its way, or held
   * until the connection is open, which is no promise that it arrives. `payload` must never change.
   */
  send<RequestBody>(api: Api<RequestBody, unknown>, body: RequestBody, payload: readonly Uint8Array[] = []): boolean {
    if (this.#isClosed) return false;
    const message = { name: api.name, payload, post: (open: Connection) => open.post(api, body, payload) };
    const { connection } = this.#link;
    if (connection !== undefined) return this.#post(connection, message);
    this.#held.add(message);
    this.#link.wake();
    return true;
  }

  /** Begins to connect when it is not connected. `onReach` tells how it went. */
  wake(): void {
    const { connection } = this.#link;
    if (connection === undefined) this.#link.wake();
    else this.#noteOpen(connection);
  }

  /** The node has just shown that it is there: the next attempt to connect waits no longer. */
  hurry(): void {
    this.#link.hurry();
  }

  /** Rejects what is waiting or unanswered with CONNECTION_CLOSED. Closing twice does nothing. */
  close(): Promise<void> {
    this.#isClosed = true;
    this.#link.close(protocolError('CONNECTION_CLOSED', `The channel to node ${this.nodeId} was closed.`));
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #post(connection: Connection, { name, post }: HeldMessage): boolean {
    try {
      return post(connection);
    } catch (error) {
      this.#options.environment.logger.warn('message to a node dropped', {
        node: this.nodeId,
        api: name,
        error: errorMessage(error),
      });
      return false;
    }
  }

  #noteOpen({ hello }: Connection): void {
    this.#options.onReach?.('open', undefined, hello.clusterId);
  }

  get #requestTimeoutMs(): number {
    return this.#options.requestTimeoutMs ?? defaultRequestTimeoutMs;
  }

  async #open(address: Address, onClose: () => void, signal: AbortSignal): Promise<Connection> {
    const { environment, nodeId, credentials } = this.#options;
    try {
      const connection = await Connection.open(
        {
          environment,
          address,
          clientId: softwareName,
          node: credentials(),
          connectTimeoutMs: this.#options.connectTimeoutMs ?? defaultConnectTimeoutMs,
          requestTimeoutMs: this.#requestTimeoutMs,
          maxFrameBytes: this.#options.maxFrameBytes ?? defaultMaxFrameBytes,
          maxInFlight,
          maxWaiting,
          maxWaitingBytes: this.#options.maxWaitingBytes ?? defaultMaxWaitingBytes,
          deadlines: this.#deadlines,
          slabs: this.#slabs,
          onClose: (error) => {
            this.#note('connection to a node ended', error);
            onClose();
            if (!this.#isClosed) this.#options.onReach?.('lost');
          },
        },
        signal,
      );
      if (connection.hello.nodeId === nodeId) return connection;
      const error = protocolError(
        'BROKER_NOT_AVAILABLE',
        `${formatAddress(address)} answers as node ${connection.hello.nodeId}, expected ${nodeId}.`,
      );
      connection.close(error);
      throw error;
    } catch (error) {
      if (!signal.aborted) {
        this.#noteFailure(error);
        if (isRefused(error)) this.#options.onReach?.('refused');
        else this.#options.onReach?.('failed', error instanceof MillraceError ? error : undefined);
      }
      throw error;
    }
  }

  /** A refusal will not pass by itself: it is said aloud, once until there was another one or a connection. */
  #noteFailure(error: unknown): void {
    const isRefusal = error instanceof MillraceError && !error.retriable;
    const isNew = isRefusal && error.code !== this.#refusedWith;
    this.#refusedWith = isRefusal ? error.code : undefined;
    if (!isNew) {
      this.#note('cannot connect to a node', error);
      return;
    }
    this.#options.environment.logger.warn('a node refuses us', { node: this.nodeId, error: errorMessage(error) });
  }

  #note(what: string, error: unknown): void {
    this.#options.environment.logger.debug(what, { node: this.nodeId, error: errorMessage(error) });
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && (error.cause as { readonly code?: unknown } | undefined)?.code === 'ECONNREFUSED';
}
