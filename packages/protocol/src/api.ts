import type { z } from 'zod';

/** One version of an API and why it came to be: the history that the documentation prints. */
export interface ApiVersion {
  readonly version: number;
  readonly why: string;
}

/**
 * One request that a peer can send, and its reply. Plain data: the codec, the dispatch tables and the documentation
 * are all driven by it.
 *
 * A version is added when a field is added whose absence the other side must notice; readers ignore fields they do not
 * know, so anything else needs none.
 */
export interface Api<Request, Response> {
  /** Kafka's api key where the meaning is Kafka's. */
  readonly key: number;
  readonly name: string;
  readonly text: string;
  /** Oldest first, without gaps. */
  readonly versions: readonly ApiVersion[];
  readonly minVersion: number;
  readonly maxVersion: number;
  /** Whose it is. Internal APIs are never reachable on the client listener. `isServedOn` says where it may be called. */
  readonly listener: ApiListener;
  /** An API for clients that nodes call too, on the internal listener: what is not named so is refused there. */
  readonly alsoInternal: boolean;
  /** There is no reply to it, ever: sent and forgotten. */
  readonly oneWay: boolean;
  /** Whether raw bytes (record batches) follow the body. Where not, a frame with a payload is refused. */
  readonly requestPayload: boolean;
  readonly responsePayload: boolean;
  readonly request: z.ZodType<Request>;
  readonly response: z.ZodType<Response>;
}

export type ApiListener = 'client' | 'internal';

/** For tables that hold APIs of every kind. */
export type AnyApi = Api<unknown, unknown>;

export type RequestOf<A> = A extends Api<infer Request, unknown> ? Request : never;
export type ResponseOf<A> = A extends Api<unknown, infer Response> ? Response : never;

/** Messages are values: nobody changes one that was received, and senders may pass lists they only read. */
export type Message<T> = T extends readonly (infer Item)[]
  ? readonly Message<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Message<T[Key]> }
    : T;

interface ApiDefinition<Request, Response> {
  readonly key: number;
  readonly name: string;
  readonly text: string;
  readonly versions: readonly [ApiVersion, ...ApiVersion[]];
  readonly listener: ApiListener;
  readonly alsoInternal?: true;
  readonly oneWay?: true;
  readonly payload?: 'request' | 'response';
  readonly request: z.ZodType<Request>;
  readonly response: z.ZodType<Response>;
}

/**
 * Whether an API may be called on a listener: each on its own, and those for clients on the internal one only where
 * the API says so. One that says nothing is refused.
 */
export function isServedOn(api: Pick<AnyApi, 'listener' | 'alsoInternal'>, listener: ApiListener): boolean {
  return api.listener === listener || (listener === 'internal' && api.alsoInternal);
}

export function defineApi<Request, Response>(
  definition: ApiDefinition<Request, Response>,
): Api<Message<Request>, Message<Response>> {
  const { payload, alsoInternal, oneWay, request, response, ...rest } = definition;
  return {
    ...rest,
    minVersion: definition.versions[0].version,
    maxVersion: definition.versions[0].version + definition.versions.length - 1,
    alsoInternal: alsoInternal ?? false,
    oneWay: oneWay ?? false,
    requestPayload: payload === 'request',
    responsePayload: payload === 'response',
    request: request as unknown as z.ZodType<Message<Request>>,
    response: response as unknown as z.ZodType<Message<Response>>,
  };
}
