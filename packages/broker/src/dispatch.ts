/**
 * From a frame to its handler and back to a reply: one table, made from the handlers that exist. What is not in it is
 * refused, and so is what the listener is not for: nodes' requests on the client listener, and clients' on the internal
 * one but for those that nodes send too.
 *
 * A request that cannot be decoded, or whose API is unknown, is answered with an error; the connection lives on, for
 * its framing is intact. Only a wrong start (no Hello, a second Hello) closes it.
 */
import { assert, type Clock, errorCode, errorMessage, type Logger, MillraceError } from '@millrace/base';
import {
  apis,
  decodeRequest,
  encodeResponse,
  errorNumber,
  helloApi,
  isServedOn,
  protocolError,
} from '@millrace/protocol';
import type { BrokerMetrics } from './broker-metrics.js';
import type { Connection, RequestFrame } from './connection.js';
import type { Answer, AnyHandler } from './request.js';

export interface DispatcherOptions {
  readonly handlers: readonly AnyHandler[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: BrokerMetrics;
  /** What to say of an API that has no handler; left out: that there is none. */
  readonly notServed?: (apiKey: number) => MillraceError;
}

/** What is left of a request while its handler works. */
type Header = Pick<RequestFrame, 'correlationId' | 'apiKey' | 'apiVersion' | 'flags'>;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #handlers = new Map<number, AnyHandler>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.add(options.handlers);
  }

  /** Serves these too, from now on. */
  add(handlers: readonly AnyHandler[]): void {
    for (const handler of handlers) {
      assert(!this.#handlers.has(handler.api.key), `${handler.api.name} has one handler`);
      this.#handlers.set(handler.api.key, handler);
    }
  }

  isServed(apiKey: number): boolean {
    return this.#handlers.has(apiKey);
  }

  dispatch(connection: Connection, frame: RequestFrame): void {
    const startedMs = this.#options.clock.monotonicMs();
    const { correlationId, apiKey, apiVersion, flags } = frame;
    const header: Header = { correlationId, apiKey, apiVersion, flags };
    let answer: Answer<unknown> | Promise<Answer<unknown>>;
    let handler: AnyHandler;
    try {
      handler = this.#admit(connection, frame);
      const request = decodeRequest(handler.api, apiVersion, frame.body);
      answer = handler.handle(request, { connection, payload: frame.payload, memory: frame.memory });
    } catch (error) {
      this.#refuse(connection, header, error, startedMs);
      return;
    }
    if (answer instanceof Promise) {
      answer.then(
        (settled) => this.#answer(connection, header, handler, settled, startedMs),
        (error: unknown) => this.#refuse(connection, header, error, startedMs),
      );
    } else {
      this.#answer(connection, header, handler, answer, startedMs);
    }
  }

  /** The handler that may serve this frame on this connection now. */
  #admit(connection: Connection, frame: RequestFrame): AnyHandler {
    if (frame.flags !== 0) throw protocolError('INVALID_FRAME', 'A reply was sent where requests are expected.');
    if (connection.saidHello === (frame.apiKey === helloApi.key)) {
      throw protocolError('HELLO_REQUIRED', 'The first frame on a connection must be Hello, and only the first.');
    }
    const handler = this.#handlers.get(frame.apiKey);
    const api = handler?.api ?? apis.get(frame.apiKey);
    if (api !== undefined && !isServedOn(api, connection.listener)) {
      const place = api.listener === 'internal' ? 'nodes of the cluster, on the internal' : 'clients, on the client';
      throw protocolError('CLUSTER_AUTHORIZATION_FAILED', `${api.name} is for ${place} listener.`);
    }
    if (handler === undefined || api === undefined) {
      throw (
        this.#options.notServed?.(frame.apiKey) ??
        protocolError('UNSUPPORTED_VERSION', `There is no API with key ${frame.apiKey} here.`)
      );
    }
    if (frame.payload.length > 0 && !api.requestPayload) {
      throw protocolError('INVALID_REQUEST', `${api.name} takes no payload, and ${frame.payload.length} bytes came.`);
    }
    return handler;
  }

  #answer(
    connection: Connection,
    header: Header,
    handler: AnyHandler,
    answer: Answer<unknown>,
    startedMs: number,
  ): void {
    this.#options.metrics.answered(header.apiKey, this.#options.clock.monotonicMs() - startedMs);
    if (answer === undefined) {
      connection.endSilently();
      return;
    }
    try {
      const body = encodeResponse(handler.api, header.apiVersion, answer.body);
      connection.reply(header, body, answer.payload, answer.release);
    } finally {
      if (answer.reservedBytes !== undefined) connection.output.giveBack(answer.reservedBytes);
    }
  }

  #refuse(connection: Connection, header: Header, error: unknown, startedMs: number): void {
    const { metrics, clock, logger } = this.#options;
    metrics.answered(header.apiKey, clock.monotonicMs() - startedMs);
    metrics.failed(header.apiKey, errorNumber(error));
    if (errorNumber(error) === -1) logUnexpected(logger, apis.get(header.apiKey)?.name ?? 'unknown', error);
    const code = errorCode(error);
    if (code === 'HELLO_REQUIRED' || code === 'INVALID_FRAME' || isWrongPeer(header, code)) {
      connection.refuseAndClose(header, error);
    } else {
      connection.refuse(header, error);
    }
  }
}

/** Hello was refused: there is nothing else that it could be served. */
function isWrongPeer({ apiKey }: Header, code: string | undefined): boolean {
  return apiKey === helloApi.key && (code === 'INCONSISTENT_CLUSTER_ID' || code === 'CLUSTER_AUTHORIZATION_FAILED');
}

/** An error that no table has is a bug here or below: the peer learns nothing of it, the log all. */
export function logUnexpected(logger: Logger, api: string, error: unknown): void {
  const code = error instanceof MillraceError ? error.code : 'UNKNOWN';
  const stack = error instanceof Error ? error.stack : undefined;
  logger.error('request failed unexpectedly', { api, code, error: errorMessage(error), stack });
}
