/** How a handler sees a request, and what it gives back. */
import type { Api, FrameMemory } from '@millrace/protocol';
import type { Connection } from './connection.js';

export interface RequestContext {
  readonly connection: Connection;
  /** Raw bytes after the body. Valid only until the handler returns or first awaits. */
  readonly payload: Uint8Array;
  /** Where the payload lies: to be retained by who keeps a view of it. Undefined: copy what is kept. */
  readonly memory?: FrameMemory | undefined;
}

export interface Reply<Response> {
  readonly body: Response;
  readonly payload?: readonly Uint8Array[];
  /** Called once the payload's memory is not needed any more. */
  readonly release?: (() => void) | undefined;
  /** Output that was reserved for this reply. */
  readonly reservedBytes?: number;
}

/** Undefined: the request gets no reply. */
export type Answer<Response> = Reply<Response> | undefined;

export interface Handler<Request, Response> {
  readonly api: Api<Request, Response>;
  handle(request: Request, context: RequestContext): Answer<Response> | Promise<Answer<Response>>;
}

/** For the table, which holds handlers of every kind. */
export type AnyHandler = Handler<unknown, unknown>;

/** Ties the types of a handler to its API, then forgets them: dispatch decodes with the same API it calls. */
export function handlerOf<Request, Response>(
  api: Api<Request, Response>,
  handle: (request: Request, context: RequestContext) => Answer<Response> | Promise<Answer<Response>>,
): AnyHandler {
  return { api, handle };
}
