/**
 * One connection to a node: Hello, then pipelined requests that are answered in any order.
 *
 * Life: `open` connects and says Hello -> requests -> closed, once, with the error that everything unanswered is
 * rejected with. A connection does not come back; `NodeLink` makes the next one.
 *
 * A request waits while too many are in flight or the socket is full, and is then sent. When its caller gives up
 * (deadline, abort) after it was sent, its slot stays taken until the reply comes: the node may still be working on
 * it. A node that leaves any request unanswered for the whole request timeout is taken for dead.
 */
import { BoundedQueue, errorMessage, formatAddress, type Address, type Environment, type Socket } from '@millrace/base';
import {
  decodeError,
  decodeResponse,
  encodeFrame,
  encodeRequest,
  errorFlag,
  errorFromWire,
  FrameReader,
  helloApi,
  maxFrameBytesBeforeHello,
  negotiateVersion,
  pingApi,
  protocolError,
  responseFlag,
  type Api,
  type Frame,
  type HelloRequest,
  type HelloResponse,
  type NodeCredentials,
  type SlabPool,
} from '@millrace/protocol';
import { KeepAlive } from './keep-alive.js';
import { softwareVersion } from './software-version.js';
import { LateReply } from './late-reply.js';
import { Request, type Reply } from './request.js';
import { withDeadline } from './with-deadline.js';
import type { DeadlineQueue } from './deadline-queue.js';

export interface ConnectionOptions {
  readonly environment: Pick<Environment, 'clock' | 'network'>;
  readonly address: Address;
  readonly clientId: string;
  /** Refuse a node of another cluster; undefined: any. */
  readonly clusterId?: string | undefined;
  /** Who we are, when a node of the cluster connects to another; undefined for clients. */
  readonly node?: NodeCredentials | undefined;
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** Longest reply accepted. */
  readonly maxFrameBytes: number;
  readonly maxInFlight: number;
  /** Requests that may wait for their turn. */
  readonly maxWaiting: number;
  /** Bytes that may wait for their turn. */
  readonly maxWaitingBytes?: number;
  readonly deadlines: DeadlineQueue;
  readonly slabs: SlabPool;
  /** Called once, after `open` has resolved, when the connection ends for whatever reason. */
  readonly onClose?: (error: Error) => void;
}

export interface SendOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** False for requests that the node does not answer (acks 0, one-way APIs): settled when they are with the socket. */
  readonly expectReply?: boolean;
}

const noPayload = new Uint8Array();
const nothingToRelease = (): void => undefined;

export class Connection {
  readonly address: Address;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #waiting: BoundedQueue<Request>;
  /** By correlation id: sent and not answered. */
  readonly #unanswered = new Map<number, Request | LateReply>();
  readonly #versions = new Map<number, number>();
  /** Set by `open` before anybody else has this connection. */
  #hello!: HelloResponse;
  /** Undefined until Hello, and where the node has no Ping. */
  #keepAlive: KeepAlive | undefined;
  #isOpen = false;
  #closedWith: Error | undefined;
  #nextCorrelationId = 0;
  #isSocketFull = false;
  #repliesReceived = 0;

  /**
   * Rejects with NETWORK_EXCEPTION, REQUEST_TIMED_OUT, WRONG_PROTOCOL, INCONSISTENT_CLUSTER_ID, UNSUPPORTED_VERSION,
   * or the signal's reason.
   */
  static async open(options: ConnectionOptions, signal?: AbortSignal): Promise<Connection> {
    const { environment, address, connectTimeoutMs } = options;
    const deadlineMs = environment.clock.monotonicMs() + connectTimeoutMs;
    const abort = new AbortController();
    const connecting = environment.network.connect(address, abort.signal);
    let socket: Socket;
    try {
      socket = await withDeadline(connecting, { deadlines: options.deadlines, deadlineMs, signal }, () =>
        protocolError('REQUEST_TIMED_OUT', `Connecting to ${formatAddress(address)} took too long.`),
      );
    } catch (error) {
      abort.abort(error);
      void connecting.then(
        (late) => late.destroy(),
        () => undefined,
      );
      throw connectError(error, address, signal);
    }
    const connection = new Connection(options, socket);
    await connection.#sayHello(deadlineMs - environment.clock.monotonicMs(), signal);
    return connection;
  }

  private constructor(options: ConnectionOptions, socket: Socket) {
    this.address = options.address;
    this.#options = options;
    this.#socket = socket;
    this.#waiting = new BoundedQueue({
      maxItems: options.maxWaiting,
      maxBytes: options.maxWaitingBytes ?? Infinity,
    });
    this.#reader = new FrameReader({
      maxFrameBytes: maxFrameBytesBeforeHello,
      slabs: options.slabs,
      onFrame: (frame) => this.#onFrame(frame),
      onError: (error) => this.#end(error),
    });
    socket.setHandler({
      onData: (chunk) => {
        this.#keepAlive?.noteHeard();
        this.#reader.push(chunk);
      },
      readInto: () => this.#reader.readInto(),
      onDrain: () => {
        this.#isSocketFull = false;
        this.#sendWaiting();
      },
      onClose: (error) => this.#end(this.#brokenBy(error)),
    });
  }

  /** What the node said of itself. */
  get hello(): HelloResponse {
    return this.#hello;
  }

  get isClosed(): boolean {
    return this.#closedWith !== undefined;
  }

  /** Requests waiting or unanswered: to pick the least busy of several. */
  get load(): number {
    return this.#waiting.length + this.#unanswered.size;
  }

  /** Replies after Hello. A connection that dies without any was never of use. */
  get repliesReceived(): number {
    return this.#repliesReceived;
  }

  /**
   * Sends one request. `payload` must not change until the promise has settled. Rejects with the node's error when it
   * refuses the request as a whole; errors of single entries are in the body.
   */
  async send<RequestBody, ResponseBody>(
    api: Api<RequestBody, ResponseBody>,
    body: RequestBody,
    payload: readonly Uint8Array[] = [],
    options: SendOptions = {},
  ): Promise<Reply<ResponseBody>> {
    options.signal?.throwIfAborted();
    const request = this.#encode(api, body, payload, options);
    this.#enqueue(request);
    return (await request.promise) as Reply<ResponseBody>;
  }

  /**
   * Sends a message of a one-way API when there is room for it now. Returns false when there is none or the connection
   * has ended; throws when it could never be sent. `payload` must never change.
   */
  post<RequestBody>(api: Api<RequestBody, unknown>, body: RequestBody, payload: readonly Uint8Array[] = []): boolean {
    if (this.#closedWith !== undefined || !this.#waiting.hasRoom()) return false;
    const request = this.#encode(api, body, payload, { expectReply: false });
    // Nobody waits for it: that it was not sent in time is the same as that it was lost.
    request.promise.catch(() => undefined);
    return this.#enqueue(request);
  }

  /** Ends it now: whatever is waiting or unanswered is rejected. */
  close(error: Error = protocolError('CONNECTION_CLOSED', 'The connection was closed by this program.')): void {
    this.#end(error);
  }

  #encode<RequestBody>(
    api: Api<RequestBody, unknown>,
    body: RequestBody,
    payload: readonly Uint8Array[],
    options: SendOptions,
  ): Request {
    if (this.#closedWith !== undefined) throw this.#closedWith;
    const version = this.#version(api);
    const correlationId = this.#nextCorrelationId;
    this.#nextCorrelationId = (this.#nextCorrelationId + 1) >>> 0;
    const header = { correlationId, apiKey: api.key, apiVersion: version, flags: 0 };
    const buffers = encodeFrame(header, encodeRequest(api, version, body), payload);
    this.#checkSize(api.name, buffers);
    const timeoutMs = options.timeoutMs ?? this.#options.requestTimeoutMs;
    return new Request(
      {
        api,
        version,
        correlationId,
        buffers,
        timeoutMs,
        deadlineMs: this.#options.environment.clock.monotonicMs() + timeoutMs,
        expectReply: options.expectReply ?? !api.oneWay,
        signal: options.signal,
      },
      (settled) => this.#onSettled(settled),
    );
  }

  #version(api: Api<never, unknown> | Api<unknown, unknown>): number {
    if (!this.#isOpen) return helloApi.maxVersion;
    let version = this.#versions.get(api.key);
    if (version === undefined) {
      version = negotiateVersion(api, this.#hello.apis);
      this.#versions.set(api.key, version);
    }
    return version;
  }

  /** A frame above the node's limit would cost the connection, and with it every other request. */
  #checkSize(name: string, buffers: readonly Uint8Array[]): void {
    let bytes = -4;
    for (const buffer of buffers) bytes += buffer.length;
    const limit = this.#isOpen ? this.#hello.maxFrameBytes : maxFrameBytesBeforeHello;
    if (bytes <= limit) return;
    throw protocolError('FRAME_TOO_LARGE', `${name} makes a frame of ${bytes} bytes, and the node takes ${limit}.`);
  }

  #enqueue(request: Request): boolean {
    if (!this.#waiting.offer(request, request.sizeBytes)) {
      const { length, sizeBytes } = this.#waiting;
      request.reject(
        protocolError('REQUEST_QUEUE_FULL', `${length} requests of ${sizeBytes} bytes wait for ${this.#name} already.`),
      );
      return false;
    }
    this.#options.deadlines.add(request);
    this.#sendWaiting();
    return true;
  }

  #sendWaiting(): void {
    while (!this.#isSocketFull && this.#unanswered.size < this.#options.maxInFlight) {
      const request = this.#waiting.take();
      if (request === undefined) return;
      if (request.state === 'waiting') this.#transmit(request);
    }
  }

  #transmit(request: Request): void {
    request.state = 'sent';
    request.sentMs = this.#options.environment.clock.monotonicMs();
    if (request.expectReply) this.#unanswered.set(request.correlationId, request);
    this.#keepAlive?.noteSent();
    for (const buffer of request.takeBuffers()) {
      if (!this.#socket.write(buffer)) this.#isSocketFull = true;
    }
    if (!request.expectReply) {
      request.resolve({ body: undefined, payload: noPayload, release: nothingToRelease });
    }
  }

  /** However a request settled: by its reply (then it is in no table any more), its deadline, its signal, our end. */
  #onSettled(request: Request): void {
    this.#options.deadlines.remove(request);
    if (this.#closedWith !== undefined || this.#unanswered.get(request.correlationId) !== request) return;
    const { clock } = this.#options.environment;
    const deadlineMs = Math.max(request.deadlineMs, request.sentMs + this.#options.requestTimeoutMs);
    const late = new LateReply(request, deadlineMs, () => this.#end(this.#silent(request)));
    this.#unanswered.set(request.correlationId, late);
    // A deadline as long as the request timeout has just passed: the node is not waited for a second time.
    if (clock.monotonicMs() >= deadlineMs) late.expire();
    else this.#options.deadlines.add(late);
  }

  #onFrame(frame: Frame): void {
    const request = this.#unanswered.get(frame.correlationId);
    if (
      request === undefined ||
      (frame.flags & responseFlag) === 0 ||
      frame.apiKey !== request.api.key ||
      frame.apiVersion !== request.version
    ) {
      this.#end(this.#unasked(frame));
      return;
    }
    this.#unanswered.delete(frame.correlationId);
    if (this.#isOpen) this.#repliesReceived += 1;
    if (request instanceof LateReply) this.#options.deadlines.remove(request);
    else this.#answer(request, frame);
    this.#sendWaiting();
  }

  #answer(request: Request, frame: Frame): void {
    try {
      if ((frame.flags & errorFlag) !== 0) {
        const error = errorFromWire(decodeError(frame.body), `${request.api.name} at ${this.#name}`);
        request.reject(error ?? protocolError('INVALID_RESPONSE', `${this.#name} sent an error reply without error.`));
      } else {
        const body = decodeResponse(request.api, request.version, frame.body, frame.payload.length);
        if (request.api.responsePayload) {
          request.resolve({ body, payload: frame.takePayload(), release: () => frame.giveBackPayload() });
        } else request.resolve({ body, payload: noPayload, release: nothingToRelease });
      }
    } catch (error) {
      request.reject(error);
    }
  }

  async #sayHello(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clientId, maxFrameBytes, node = null } = this.#options;
    const clusterId = this.#options.clusterId ?? node?.clusterId ?? undefined;
    const body: HelloRequest = { softwareName: clientId, softwareVersion, clusterId: clusterId ?? null, node };
    try {
      const reply = await this.send(helloApi, body, [], { timeoutMs, signal });
      if (this.#closedWith !== undefined) throw this.#closedWith;
      const found = reply.body.clusterId;
      if (clusterId !== undefined && found !== null && found !== clusterId) {
        throw protocolError(
          'INCONSISTENT_CLUSTER_ID',
          `${this.#name} belongs to cluster ${found}, expected ${clusterId}: check the addresses.`,
        );
      }
      this.#hello = reply.body;
      this.#isOpen = true;
      this.#reader.setMaxFrameBytes(maxFrameBytes);
      this.#watch();
    } catch (error) {
      this.#end(error as Error);
      throw error;
    }
  }

  #watch(): void {
    if (!this.#hello.apis.some(({ key }) => key === pingApi.key)) return;
    this.#keepAlive = new KeepAlive({
      clock: this.#options.environment.clock,
      deadlines: this.#options.deadlines,
      isAwaiting: () => this.#unanswered.size > 0,
      ask: () => this.#ping(),
      onDead: () => this.#end(this.#brokenBy(new Error('no sign of life'))),
    });
  }

  /** Passes all that waits for room in the window: it asks why there is none. Any byte that comes back is an answer. */
  #ping(): void {
    const request = this.#encode(pingApi, {}, [], {});
    request.promise.catch(() => undefined);
    this.#options.deadlines.add(request);
    this.#transmit(request);
  }

  #end(error: Error): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = error;
    this.#keepAlive?.close();
    this.#reader.close();
    this.#socket.destroy();
    for (const unanswered of this.#unanswered.values()) {
      if (unanswered instanceof LateReply) this.#options.deadlines.remove(unanswered);
      else unanswered.reject(error);
    }
    this.#unanswered.clear();
    for (let request = this.#waiting.take(); request !== undefined; request = this.#waiting.take()) {
      request.reject(error);
    }
    if (this.#isOpen) this.#options.onClose?.(error);
  }

  get #name(): string {
    return formatAddress(this.address);
  }

  #brokenBy(error: Error | undefined): Error {
    const why = error === undefined ? 'closed by the node' : errorMessage(error);
    const when = this.#isOpen ? '' : ' before it said Hello: is this the client address of a Millrace node?';
    return protocolError('NETWORK_EXCEPTION', `The connection to ${this.#name} broke (${why})${when || '.'}`, error);
  }

  /** A node that closes the connection, or refuses what has no reply, says why in an error that answers nothing. */
  #unasked(frame: Frame): Error {
    if ((frame.flags & errorFlag) !== 0 && (frame.flags & responseFlag) !== 0) {
      try {
        const error = errorFromWire(decodeError(frame.body), `${this.#name} ended the connection`);
        if (error !== undefined) return error;
      } catch (error) {
        return error as Error;
      }
    }
    return protocolError('INVALID_RESPONSE', `${this.#name} sent a frame that answers nothing that was asked.`);
  }

  #silent(request: Request): Error {
    return protocolError(
      'NETWORK_EXCEPTION',
      `${this.#name} left ${request.api.name} unanswered for too long: the connection was given up.`,
    );
  }
}

function connectError(error: unknown, address: Address, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true || (error instanceof Error && error.name === 'MillraceError')) return error;
  return protocolError(
    'NETWORK_EXCEPTION',
    `Cannot connect to ${formatAddress(address)}: ${errorMessage(error)}.`,
    error,
  );
}
