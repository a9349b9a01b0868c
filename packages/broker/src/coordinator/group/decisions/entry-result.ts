import { MillraceError } from '@millrace/base';
import { noError, wireError, type WireError } from '@millrace/protocol';

/** The answer of one entry of a request: a typed refusal is its own; anything else thrown fails the whole request. */
export function entryResult(decide: () => void): WireError {
  try {
    decide();
    return noError;
  } catch (error) {
    if (!(error instanceof MillraceError)) throw error;
    return wireError(error);
  }
}
