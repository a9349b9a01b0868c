/**
 * Bodies to bytes and back. What comes from a peer passes three gates: the guard (is it harmless MessagePack), the
 * decoder, and the schema (is it what this API says). Unknown fields are dropped.
 *
 * A body that fails is the fault of one request, not of the connection: INVALID_REQUEST or UNSUPPORTED_VERSION for
 * requests, INVALID_RESPONSE for replies.
 */
import { errorMessage, type MillraceError } from '@millrace/base';
import { Packr } from 'msgpackr';
import type { z } from 'zod';
import type { AnyApi, Api } from './api.js';
import { exactCheck } from './exact-check.js';
import { guardMessagePack, type GuardLimits } from './message-pack-guard.js';
import { protocolError, type WireError } from './protocol-error.js';
import { wireErrorSchema } from './wire-error-schema.js';

/** The control part of a request; batches travel in the payload. */
export const maxRequestBodyBytes = 2 * 1024 * 1024;

const requestLimits: GuardLimits = { maxItems: 256 * 1024 };
/** Replies list what the cluster holds: room for some 50,000 partitions. */
const responseLimits: GuardLimits = { maxItems: 1024 * 1024 };

const packr = new Packr({ useRecords: false, mapsAsObjects: true, int64AsType: 'number', encodeUndefinedAsNil: true });

export function encodeRequest<Request>(api: Api<Request, unknown>, version: number, body: Request): Uint8Array {
  checkVersion(api, version);
  return packr.pack(body);
}

export function encodeResponse<Response>(api: Api<unknown, Response>, version: number, body: Response): Uint8Array {
  checkVersion(api, version);
  return packr.pack(body);
}

/** The body of a frame with the error flag: an error about the request as a whole. */
export function encodeError(error: WireError): Uint8Array {
  return packr.pack(error);
}

/** `payloadBytes`: how much followed the body in the frame; refused where the API takes none. */
export function decodeRequest<Request>(
  api: Api<Request, unknown>,
  version: number,
  body: Uint8Array,
  payloadBytes = 0,
): Request {
  checkVersion(api, version);
  if (payloadBytes > 0 && !api.requestPayload) {
    throw protocolError('INVALID_REQUEST', `${api.name} takes no payload, and ${payloadBytes} bytes of it came.`);
  }
  if (body.length > maxRequestBodyBytes) {
    throw protocolError(
      'INVALID_REQUEST',
      `The body of ${api.name} has ${body.length} bytes, and the limit is ${maxRequestBodyBytes}.`,
    );
  }
  return decode(api.request, body, requestLimits, `${api.name} request`);
}

export function decodeResponse<Response>(
  api: Api<unknown, Response>,
  version: number,
  body: Uint8Array,
  payloadBytes = 0,
): Response {
  checkVersion(api, version);
  if (payloadBytes > 0 && !api.responsePayload) {
    throw protocolError(
      'INVALID_RESPONSE',
      `A ${api.name} reply has no payload, and ${payloadBytes} bytes of it came.`,
    );
  }
  return asResponse(() => decode(api.response, body, responseLimits, `${api.name} reply`));
}

export function decodeError(body: Uint8Array): WireError {
  return asResponse(() => decode(wireErrorSchema, body, requestLimits, 'error reply'));
}

/**
 * The pieces of a payload by the lengths that the body gives, as views. Throws INVALID_REQUEST when they do not add up
 * to the payload exactly.
 */
export function splitPayload(entries: readonly { readonly bytes: number }[], payload: Uint8Array): Uint8Array[] {
  let end = 0;
  const pieces = entries.map(({ bytes }) => {
    const start = end;
    end += bytes;
    return payload.subarray(start, end);
  });
  if (end !== payload.length) {
    throw protocolError('INVALID_REQUEST', `The entries speak of ${end} bytes of payload, and ${payload.length} came.`);
  }
  return pieces;
}

function checkVersion(api: AnyApi, version: number): void {
  if (version >= api.minVersion && version <= api.maxVersion) return;
  throw protocolError(
    'UNSUPPORTED_VERSION',
    `${api.name} version ${version} is not supported, only ${api.minVersion} to ${api.maxVersion}.`,
  );
}

function decode<T>(schema: z.ZodType<T>, body: Uint8Array, limits: GuardLimits, what: string): T {
  guardMessagePack(body, limits);
  let decoded: unknown;
  try {
    decoded = packr.unpack(body);
  } catch (error) {
    throw protocolError('INVALID_REQUEST', `The ${what} cannot be decoded: ${errorMessage(error)}.`, error);
  }
  if (exactCheck(schema)(decoded)) return decoded as T;
  const result = schema.safeParse(decoded);
  if (result.success) return result.data;
  throw protocolError('INVALID_REQUEST', `The ${what} is not valid: ${firstIssue(result.error)}.`);
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return 'no reason given';
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}

/** What is a bad request from a client is a bad reply from a node. */
function asResponse<T>(decodeBody: () => T): T {
  try {
    return decodeBody();
  } catch (error) {
    throw toResponseError(error);
  }
}

function toResponseError(error: unknown): MillraceError {
  return protocolError('INVALID_RESPONSE', errorMessage(error), error);
}
