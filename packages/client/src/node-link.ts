/**
 * The way to one node: a connection that is opened when somebody needs it and opened again after it broke.
 *
 * idle -> connecting -> open -> idle ... -> closed. Callers that come while it connects share the attempt, and their
 * requests are sent in the order they came, before any later one. An attempt that follows a failure waits first,
 * longer with each failure in a row; a connection that broke soon and before it answered anything counts as a failure
 * too, or a node that accepts and hangs up would be called without a pause.
 */
import {
  backoffMs,
  offAbort,
  onAbort,
  sleep,
  type Address,
  type Backoff,
  type Clock,
  type RandomStream,
} from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { Connection } from './connection.js';
import type { Expiring } from './deadline-queue.js';
import type { Limit } from './with-deadline.js';

export interface NodeLinkOptions {
  readonly address: Address;
  readonly clock: Clock;
  readonly random: RandomStream;
  readonly backoff: Backoff;
  /** Opens a connection and checks that it leads to the right node; `onClose` must be called when it ends. */
  readonly open: (address: Address, onClose: () => void, signal: AbortSignal) => Promise<Connection>;
  /** Each attempt's end: the connection, before those who wait for it send; undefined when there is none. */
  readonly onAttempted?: (connection: Connection | undefined) => void;
}

export class NodeLink {
  readonly #options: NodeLinkOptions;
  /** In the order they came. */
  readonly #waiters = new Set<Waiter>();
  #address: Address;
  #connection: Connection | undefined;
  /** Of the attempt that is under way. */
  #attempting: AbortController | undefined;
  #closedWith: Error | undefined;
  #isPausing = false;
  #openedAtMs = 0;
  #failures = 0;
  #failedAtMs = 0;

  constructor(options: NodeLinkOptions) {
    this.#options = options;
    this.#address = options.address;
  }

  /** A connection that works is left alone; an attempt that is under way begins anew, for those who wait for it. */
  setAddress(address: Address): void {
    if (address.host === this.#address.host && address.port === this.#address.port) return;
    this.#address = address;
    this.#failures = 0;
    this.#attempting?.abort(new Error('the node is elsewhere'));
  }

  /** The node has just shown that it is there: no reason to wait any longer. */
  hurry(): void {
    this.#failures = 0;
    if (this.#isPausing) this.#attempting?.abort(new Error('the node is there'));
  }

  get connection(): Connection | undefined {
    return this.#connection;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** Runs `action` with the open connection, or as soon as one is open. Rejects when it cannot be opened. */
  use<Result>(limit: Limit, action: (connection: Connection) => Result): Promise<Awaited<Result>> {
    return new Promise((resolve, reject) => {
      const perform = (connection: Connection): void => resolve(action(connection) as Awaited<Result>);
      if (this.#closedWith !== undefined) reject(this.#closedWith);
      else if (limit.signal?.aborted === true) reject(limit.signal.reason as Error);
      else if (this.#connection !== undefined) perform(this.#connection);
      else this.#wait(limit, perform, reject);
    });
  }

  /** Begins to connect, for those who will not wait. */
  wake(): void {
    const isIdle = this.#connection === undefined && this.#attempting === undefined;
    if (isIdle && this.#closedWith === undefined) void this.#attempt();
  }

  close(error: Error): void {
    if (this.#closedWith !== undefined) return;
    this.#closedWith = error;
    this.#attempting?.abort(error);
    this.#connection?.close(error);
    this.#connection = undefined;
    for (const waiter of this.#waiters) waiter.fail(error);
  }

  #wait(limit: Limit, perform: (connection: Connection) => void, reject: (error: unknown) => void): void {
    const waiter = new Waiter(limit, perform, reject, () => this.#waiters.delete(waiter));
    this.#waiters.add(waiter);
    this.wake();
  }

  /** Never rejects: the waiters are told. */
  async #attempt(): Promise<void> {
    try {
      const connection = await this.#connect();
      if (connection.isClosed) throw protocolError('NETWORK_EXCEPTION', 'The connection broke as soon as it was open.');
      if (this.#closedWith !== undefined) {
        connection.close(this.#closedWith);
        throw this.#closedWith;
      }
      this.#connection = connection;
      this.#openedAtMs = this.#options.clock.monotonicMs();
      this.#options.onAttempted?.(connection);
      for (const waiter of this.#waiters) waiter.perform(connection);
    } catch (error) {
      this.#noteFailure();
      this.#options.onAttempted?.(undefined);
      for (const waiter of this.#waiters) waiter.fail(error);
    } finally {
      this.#attempting = undefined;
    }
  }

  async #connect(): Promise<Connection> {
    for (;;) {
      const attempting = new AbortController();
      this.#attempting = attempting;
      try {
        await this.#pauseAfterFailure(attempting.signal);
        return await this.#options.open(this.#address, () => this.#onClose(), attempting.signal);
      } catch (error) {
        const isToBeginAnew = attempting.signal.aborted && this.#closedWith === undefined;
        if (!isToBeginAnew) throw error;
      }
    }
  }

  async #pauseAfterFailure(signal: AbortSignal): Promise<void> {
    const { clock, backoff, random } = this.#options;
    if (this.#failures === 0) return;
    const waitMs = this.#failedAtMs + backoffMs(this.#failures, backoff, random) - clock.monotonicMs();
    if (waitMs <= 0) return;
    this.#isPausing = true;
    try {
      await sleep(clock, waitMs, signal);
    } finally {
      this.#isPausing = false;
    }
  }

  #onClose(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    const { clock, backoff } = this.#options;
    const lastedMs = clock.monotonicMs() - this.#openedAtMs;
    // One-way messages have no replies.
    if (connection.repliesReceived > 0 || lastedMs > backoff.maxMs) this.#failures = 0;
    else this.#noteFailure();
  }

  #noteFailure(): void {
    this.#failures += 1;
    this.#failedAtMs = this.#options.clock.monotonicMs();
  }
}

/** A caller that waits for the connection; leaves the link's list when it is served, fails, expires or is aborted. */
class Waiter implements Expiring {
  readonly deadlineMs: number;
  readonly #limit: Limit;
  readonly #perform: (connection: Connection) => void;
  readonly #reject: (error: unknown) => void;
  readonly #leave: () => void;
  readonly #onAbort = (): void => this.fail(this.#limit.signal?.reason);

  constructor(
    limit: Limit,
    perform: (connection: Connection) => void,
    reject: (error: unknown) => void,
    leave: () => void,
  ) {
    this.deadlineMs = limit.deadlineMs;
    this.#limit = limit;
    this.#perform = perform;
    this.#reject = reject;
    this.#leave = leave;
    limit.deadlines.add(this);
    if (limit.signal !== undefined) onAbort(limit.signal, this.#onAbort);
  }

  perform(connection: Connection): void {
    this.#end();
    this.#perform(connection);
  }

  fail(error: unknown): void {
    this.#end();
    this.#reject(error);
  }

  expire(): void {
    this.fail(protocolError('REQUEST_TIMED_OUT', 'No connection to the node within the time of the request.'));
  }

  #end(): void {
    this.#leave();
    const { deadlines, signal } = this.#limit;
    deadlines.remove(this);
    if (signal !== undefined) offAbort(signal, this.#onAbort);
  }
}
