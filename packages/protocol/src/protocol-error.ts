/** Between thrown errors and the (number, message) pairs of the wire. */
import { assert, errorCode, errorMessage, MillraceError } from '@millrace/base';
import { errorByName, errorByNumber } from './error-table.js';
import { maxTextLength } from './fields.js';

/** What went wrong as replies carry it: in each entry that can fail, and as the body of an error reply. */
export interface WireError {
  readonly error: number;
  readonly message: string | null;
}

export const noError: WireError = { error: 0, message: null };

/** A typed error of the table; whether a retry can help comes from the table. */
export function protocolError(name: string, message: string, cause?: unknown): MillraceError {
  const definition = errorByName(name);
  assert(definition !== undefined, `${name} is not in the error table`);
  return new MillraceError(name, message, { retriable: definition.retriable, cause });
}

/** The number of any thrown value: UNKNOWN_SERVER_ERROR when the table does not have its code. */
export function errorNumber(error: unknown): number {
  return errorByName(errorCode(error))?.number ?? -1;
}

/**
 * The pair for any thrown value. The message of an error that is not of the table stays here (it may name paths or
 * hold what is nobody else's business): log it.
 */
export function wireError(error: unknown): WireError {
  const number = errorNumber(error);
  if (number === -1) {
    return { error: -1, message: 'The server met an error that it did not expect; its log says more.' };
  }
  return { error: number, message: errorMessage(error).slice(0, maxTextLength) };
}

/** The error that a pair of a reply stands for; undefined when all went well. */
export function errorFromWire(wire: WireError, context: string): MillraceError | undefined {
  if (wire.error === 0) return undefined;
  const definition = errorByNumber(wire.error);
  const name = definition?.name ?? 'UNKNOWN_SERVER_ERROR';
  const what =
    wire.message ?? definition?.text ?? `The node answered with error ${wire.error}, unknown to this version.`;
  return new MillraceError(name, `${context}: ${what}`, { retriable: definition?.retriable ?? false });
}
