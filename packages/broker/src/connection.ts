/**
 * One peer: frames in, replies out in any order, and nothing without a bound.
 *
 *     opened --Hello--> serving --drain()--> draining --last reply--> shut --all sent--> closed
 *        \_________________\__ framing error, deadline -----------------/
 *     and from each of them, when the peer is gone or takes none of its replies --> closed
 *
 * Back pressure: while `maxInFlightRequests` are being worked on, or `maxOutputBytes` of replies wait for the reader,
 * the socket is paused and no further request is begun. Frames of a chunk that has arrived already wait in `#backlog`:
 * at most as much as one read of the socket.
 *
 * Invariants: `#inFlight` counts requests begun and not yet answered; each is ended exactly once, by `reply`, `refuse`
 * or `endSilently`. The socket is paused iff there is no room.
 */
import type { MillraceError } from '@millrace/base';
import { assert, type Clock, type Logger, type Socket, type SocketHandler } from '@millrace/base';
import {
  type ApiListener,
  encodeError,
  encodeFrame,
  errorFlag,
  type Frame,
  type FrameHeader,
  FrameReader,
  maxFrameBytesBeforeHello,
  type NodeCredentials,
  protocolError,
  responseFlag,
  type SlabPool,
  wireError,
} from '@millrace/protocol';
import type { BrokerMetrics } from './broker-metrics.js';
import type { BrokerSettings } from './broker-settings.js';
import type { OutputBudget } from './output-budget.js';
import { OutputRoom } from './output-room.js';

/** A request as dispatch gets it. `body` and `payload` are valid until it returns, or as long as `memory` is retained. */
export type RequestFrame = Omit<Frame, 'takePayload' | 'giveBackPayload'>;

export interface ConnectionOptions {
  readonly id: number;
  readonly socket: Socket;
  readonly listener: ApiListener;
  readonly settings: BrokerSettings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: BrokerMetrics;
  readonly slabs: SlabPool;
  /** Of all connections of the listener. */
  readonly outputs: OutputBudget;
  readonly onRequest: (connection: Connection, frame: RequestFrame) => void;
  readonly onClosed: (connection: Connection) => void;
}

/** Something that is pointless once the peer is gone. */
export interface Cancellable {
  cancel(): void;
}

const httpReply =
  'HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n' +
  'This port speaks the Millrace protocol, not HTTP. Health and metrics are on the HTTP listener (7480 by default).\n';

export class Connection implements SocketHandler {
  readonly id: number;
  readonly listener: ApiListener;
  /** Room for replies that are not written yet. */
  readonly output: OutputRoom;
  readonly #options: ConnectionOptions;
  readonly #socket: Socket;
  readonly #reader: FrameReader;
  readonly #backlog: RequestFrame[] = [];
  readonly #cancellables = new Set<Cancellable>();
  readonly #openedMs: number;
  #isServing = false;
  #saidHello = false;
  #node: NodeCredentials | null = null;
  #inFlight = 0;
  #isAdvancing = false;
  #isPaused = false;
  #isDraining = false;
  /** When the stream was ended by us; the peer gets `shutdownMs` to take what is queued. */
  #shutMs: number | undefined;
  #isClosed = false;
  #lastActivityMs: number;
  /** When the frame that is arriving began, or was last held up by us. Undefined between frames. */
  #frameSinceMs: number | undefined;
  #frameBytesBefore = 0;
  /** The output last seen by `tick`, and since when it has not shrunk. */
  #stalledBytes = 0;
  #stalledSinceMs = 0;
  /** Since when output has waited for the peer without a break, and how much it had taken then. */
  #unsentSinceMs = 0;
  #sentBytesBefore = 0;

  constructor(options: ConnectionOptions) {
    this.id = options.id;
    this.listener = options.listener;
    this.#options = options;
    this.#socket = options.socket;
    this.#openedMs = options.clock.monotonicMs();
    this.#lastActivityMs = this.#openedMs;
    this.#unsentSinceMs = this.#openedMs;
    const { maxOutputBytes, maxBatchBytes } = options.settings;
    this.output = new OutputRoom(options.socket, { maxBytes: maxOutputBytes, maxBatchBytes, budget: options.outputs });
    this.#reader = new FrameReader({
      maxFrameBytes: maxFrameBytesBeforeHello,
      slabs: options.slabs,
      onFrame: (frame) => this.#receive(frame),
      onError: (error) => this.#refuseConnection(error),
    });
    options.socket.setHandler(this);
    this.#pause();
  }

  /** Begins to read. */
  serve(): void {
    this.#isServing = true;
    this.#advance();
  }

  get remoteHost(): string {
    return this.#socket.remote.host;
  }

  get saidHello(): boolean {
    return this.#saidHello;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** When the peer last sent or took something. Monotonic. */
  get lastActivityMs(): number {
    return this.#lastActivityMs;
  }

  /** The node of the cluster that the peer is; null for clients. */
  get node(): NodeCredentials | null {
    return this.#node;
  }

  /** Hello was accepted: other requests and longer frames may follow. */
  acceptHello(node: NodeCredentials | null = null): void {
    this.#saidHello = true;
    this.#node = node;
    this.#reader.setMaxFrameBytes(this.#options.settings.maxFrameBytes);
  }

  /** Ends a request with its reply. `release` is called once the payload's memory is not needed any more. */
  reply(request: FrameHeader, body: Uint8Array, payload: readonly Uint8Array[] = [], release?: () => void): void {
    const header = {
      correlationId: request.correlationId,
      apiKey: request.apiKey,
      apiVersion: request.apiVersion,
      flags: responseFlag,
    };
    this.#write(encodeFrame(header, body, payload));
    if (release !== undefined) this.output.releaseWhenSent(release);
    this.#end();
  }

  /** Ends a request with an error about it as a whole. */
  refuse(request: FrameHeader, error: unknown): void {
    this.#writeError(request, error);
    this.#end();
  }

  /** Ends a request that gets no reply. */
  endSilently(): void {
    this.#end();
  }

  /** Ends a request and, after what is queued was sent, the connection: the peer cannot be served. */
  refuseAndClose(request: FrameHeader, error: unknown): void {
    this.#writeError(request, error);
    this.#inFlight--;
    this.#shut();
  }

  /** Cancelled when the connection ends first. Remove it when it has ended by itself. */
  cancelOnClose(cancellable: Cancellable): void {
    if (this.#isClosed) cancellable.cancel();
    else this.#cancellables.add(cancellable);
  }

  forget(cancellable: Cancellable): void {
    this.#cancellables.delete(cancellable);
  }

  /** Begins no further request; closes once those begun are answered and sent. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#backlog.length = 0;
    this.#reader.close();
    if (this.#inFlight === 0) this.#shut();
  }

  /** Closes at once. */
  destroy(error?: Error): void {
    if (!this.#isClosed) this.#socket.destroy(error);
  }

  /** Enforces the deadlines; called about once a second. */
  tick(nowMs: number): void {
    const { settings } = this.#options;
    if (this.#isClosed) return;
    this.output.releaseSent();
    // A socket below its own high-water mark owes no onDrain: room that came that way is found here.
    this.#advance();
    if (this.#shutMs !== undefined) {
      if (nowMs - this.#shutMs > settings.shutdownMs) this.destroy();
    } else if (!this.#saidHello && nowMs - this.#openedMs > settings.handshakeMs) {
      this.#refuseConnection(
        protocolError('REQUEST_TIMED_OUT', `No Hello arrived within ${settings.handshakeMs} ms of connecting.`),
      );
    } else if (this.#isFrameTooSlow(nowMs)) {
      this.#refuseConnection(
        protocolError('REQUEST_TIMED_OUT', `A frame was not complete after ${settings.frameMs} ms; send it faster.`),
      );
    } else if (this.#isStalled(nowMs)) {
      this.#options.logger.warn('peer does not read its replies: connection closed', this.#facts());
      this.destroy();
    } else if (this.#isInTheWay(nowMs)) {
      this.#options.logger.warn('peer reads its replies too slowly while others wait for room', this.#facts());
      this.destroy();
    } else if (this.#isIdle(nowMs)) {
      this.#shut();
    }
  }

  onData(chunk: Uint8Array): void {
    this.#options.metrics.received(this.listener, chunk.length);
    this.#lastActivityMs = this.#options.clock.monotonicMs();
    this.#reader.push(chunk);
    this.#noteFrameProgress();
  }

  readInto(): Uint8Array | undefined {
    return this.#reader.readInto();
  }

  onDrain(): void {
    this.output.releaseSent();
    this.#advance();
  }

  onClose(error: Error | undefined): void {
    if (error !== undefined) {
      this.#options.logger.debug('connection broke', { ...this.#facts(), error: error.message });
    }
    this.#isClosed = true;
    this.#reader.close();
    this.#backlog.length = 0;
    this.output.close();
    const cancellables = [...this.#cancellables];
    this.#cancellables.clear();
    for (const cancellable of cancellables) cancellable.cancel();
    this.#options.onClosed(this);
  }

  #receive(frame: Frame): void {
    if (this.#isDraining) return;
    if (this.#hasRoom && this.#backlog.length === 0) this.#begin(frame);
    else this.#backlog.push(kept(frame));
    if (!this.#hasRoom) this.#pause();
  }

  #begin(frame: RequestFrame): void {
    this.#inFlight++;
    this.#options.onRequest(this, frame);
  }

  #end(): void {
    this.#inFlight--;
    assert(this.#inFlight >= 0, 'a request ends once');
    this.#lastActivityMs = this.#options.clock.monotonicMs();
    if (this.#isDraining && this.#inFlight === 0) this.#shut();
    else this.#advance();
  }

  get #hasRoom(): boolean {
    return this.#isServing && this.#inFlight < this.#options.settings.maxInFlightRequests && this.output.hasRoom;
  }

  /** After something ended or was sent: goes on with what had to wait. */
  #advance(): void {
    // A request that ends at once inside #begin comes back here: the loop below goes on anyway.
    if (this.#isAdvancing || this.#isClosed) return;
    this.#isAdvancing = true;
    this.output.wake();
    for (let frame = this.#backlog[0]; frame !== undefined && this.#hasRoom; frame = this.#backlog[0]) {
      this.#backlog.shift();
      this.#begin(frame);
      frame.memory?.release();
    }
    this.#isAdvancing = false;
    if (this.#isPaused && this.#hasRoom) this.#resume();
  }

  #pause(): void {
    if (this.#isPaused || this.#isClosed) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  #resume(): void {
    this.#isPaused = false;
    // The peer could not go on with its frame while we did not read: it starts afresh.
    this.#frameSinceMs = undefined;
    this.#noteFrameProgress();
    this.#socket.resume();
  }

  #write(buffers: readonly Uint8Array[]): void {
    if (this.#isClosed || this.#shutMs !== undefined) return;
    for (const buffer of buffers) {
      this.#options.metrics.sent(this.listener, buffer.length);
      this.output.write(buffer);
    }
    if (!this.output.hasRoom) this.#pause();
  }

  #writeError(request: FrameHeader, error: unknown): void {
    const header = {
      correlationId: request.correlationId,
      apiKey: request.apiKey,
      apiVersion: request.apiVersion,
      flags: responseFlag | errorFlag,
    };
    this.#write(encodeFrame(header, encodeError(wireError(error))));
  }

  /** No request can be named: the bytes are no frames, or do not come. */
  #refuseConnection(error: MillraceError): void {
    this.#options.metrics.refused(this.listener, error.code);
    this.#options.logger.info('connection refused', { ...this.#facts(), code: error.code, error: error.message });
    if (error.code === 'WRONG_PROTOCOL' && error.message.includes('HTTP request')) {
      this.#write([Buffer.from(httpReply)]);
    } else {
      this.#writeError({ correlationId: 0, apiKey: 0, apiVersion: 0, flags: 0 }, error);
    }
    this.#shut();
  }

  /** Takes nothing more and ends the stream after what is queued. */
  #shut(): void {
    this.#isDraining = true;
    this.#backlog.length = 0;
    this.#reader.close();
    if (this.#isClosed || this.#shutMs !== undefined) return;
    this.#shutMs = this.#options.clock.monotonicMs();
    this.#socket.end();
  }

  #noteFrameProgress(): void {
    if (!this.#reader.isMidFrame) {
      this.#frameSinceMs = undefined;
    } else if (this.#frameSinceMs === undefined || this.#reader.bufferedBytes < this.#frameBytesBefore) {
      this.#frameSinceMs = this.#options.clock.monotonicMs();
    }
    this.#frameBytesBefore = this.#reader.bufferedBytes;
  }

  #isFrameTooSlow(nowMs: number): boolean {
    if (this.#frameSinceMs === undefined || this.#isPaused) return false;
    const { frameMs, minFrameBytesPerSecond } = this.#options.settings;
    const ageMs = nowMs - this.#frameSinceMs;
    return ageMs > frameMs && (this.#reader.bufferedBytes * 1000) / ageMs < minFrameBytesPerSecond;
  }

  #isStalled(nowMs: number): boolean {
    const { bufferedBytes } = this.#socket;
    if (bufferedBytes === 0 || bufferedBytes < this.#stalledBytes || this.#stalledBytes === 0) {
      this.#stalledSinceMs = nowMs;
    }
    this.#stalledBytes = bufferedBytes;
    return bufferedBytes > 0 && nowMs - this.#stalledSinceMs > this.#options.settings.stallMs;
  }

  /** Whether it takes less than a peer must send, and the memory it holds is what others wait for. */
  #isInTheWay(nowMs: number): boolean {
    const { sentBytes, isContended } = this.output;
    if (this.#socket.bufferedBytes === 0) {
      this.#unsentSinceMs = nowMs;
      this.#sentBytesBefore = sentBytes;
      return false;
    }
    const { slowReaderMs, minFrameBytesPerSecond } = this.#options.settings;
    const ageMs = nowMs - this.#unsentSinceMs;
    const bytesPerSecond = ((sentBytes - this.#sentBytesBefore) * 1000) / ageMs;
    return isContended && ageMs > slowReaderMs && bytesPerSecond < minFrameBytesPerSecond;
  }

  #isIdle(nowMs: number): boolean {
    return this.#inFlight === 0 && nowMs - this.#lastActivityMs > this.#options.settings.idleMs;
  }

  #facts(): { connection: number; remote: string; listener: ApiListener } {
    return { connection: this.id, remote: this.remoteHost, listener: this.listener };
  }
}

/** For later: the reader's memory is used again after the call unless it is retained. */
function kept(frame: Frame): RequestFrame {
  const { correlationId, apiKey, apiVersion, flags, memory } = frame;
  memory?.retain();
  // Not `slice`, which copies nothing when the socket gives a Buffer.
  const body = memory === undefined ? new Uint8Array(frame.body) : frame.body;
  const payload = memory === undefined ? frame.takePayload() : frame.payload;
  return { correlationId, apiKey, apiVersion, flags, body, payload, memory };
}
