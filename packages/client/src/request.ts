/**
 * One request on its way: waiting for its turn, sent, or abandoned (its caller was told, its reply is still to come).
 *
 * Settles exactly once. The connection owns where it is; this holds what the caller waits for.
 */
import { completion, offAbort, onAbort, type Completion } from '@millrace/base';
import { protocolError, type AnyApi } from '@millrace/protocol';
import type { Expiring } from './deadline-queue.js';

/** A reply whose payload belongs to whoever holds it. */
export interface Reply<Body> {
  readonly body: Body;
  readonly payload: Uint8Array;
  /** Gives the payload's memory back, to be overwritten by another reply. Without it the memory is collected. */
  release(): void;
}

export interface RequestDetails {
  readonly api: AnyApi;
  readonly version: number;
  readonly correlationId: number;
  /** The encoded frame. */
  readonly buffers: readonly Uint8Array[];
  readonly deadlineMs: number;
  readonly timeoutMs: number;
  readonly expectReply: boolean;
  readonly signal: AbortSignal | undefined;
}

export type RequestState = 'waiting' | 'sent' | 'settled';

export class Request implements Expiring {
  readonly api: AnyApi;
  readonly version: number;
  readonly correlationId: number;
  readonly deadlineMs: number;
  readonly expectReply: boolean;
  readonly sizeBytes: number;
  #buffers: readonly Uint8Array[];
  readonly #timeoutMs: number;
  readonly #signal: AbortSignal | undefined;
  readonly #completion: Completion<Reply<unknown>> = completion();
  readonly #onSettled: (request: Request) => void;
  readonly #onAbort: () => void;
  /** waiting -> sent -> settled, or waiting -> settled. Moved to `sent` by the connection. */
  state: RequestState = 'waiting';
  sentMs = 0;

  constructor(details: RequestDetails, onSettled: (request: Request) => void) {
    this.api = details.api;
    this.version = details.version;
    this.correlationId = details.correlationId;
    this.#buffers = details.buffers;
    this.sizeBytes = details.buffers.reduce((sum, { length }) => sum + length, 0);
    this.deadlineMs = details.deadlineMs;
    this.expectReply = details.expectReply;
    this.#timeoutMs = details.timeoutMs;
    this.#signal = details.signal;
    this.#onSettled = onSettled;
    this.#onAbort = () => this.reject(this.#signal?.reason);
    if (this.#signal !== undefined) onAbort(this.#signal, this.#onAbort);
  }

  get promise(): Promise<Reply<unknown>> {
    return this.#completion.promise;
  }

  /** What to send, once: the memory must not be kept alive until the reply. */
  takeBuffers(): readonly Uint8Array[] {
    const buffers = this.#buffers;
    this.#buffers = [];
    return buffers;
  }

  resolve(reply: Reply<unknown>): void {
    if (this.#settle()) this.#completion.resolve(reply);
  }

  reject(error: unknown): void {
    if (this.#settle()) this.#completion.reject(error);
  }

  expire(): void {
    const where = this.state === 'waiting' ? 'could not be sent' : 'was not answered';
    this.reject(protocolError('REQUEST_TIMED_OUT', `${this.api.name} ${where} within ${this.#timeoutMs} ms.`));
  }

  #settle(): boolean {
    if (this.state === 'settled') return false;
    if (this.#signal !== undefined) offAbort(this.#signal, this.#onAbort);
    this.#onSettled(this);
    this.state = 'settled';
    return true;
  }
}
