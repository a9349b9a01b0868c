import { MillraceError } from './errors.js';

/**
 * Stops the current step when a rule that our own code must keep does not hold.
 *
 * A failed assertion is a bug in Millrace, never bad input: bad input gets a typed {@link MillraceError}.
 * Assertions stay on in production.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new MillraceError('ASSERTION_FAILED', `Assertion failed: ${message}`);
}

/** Marks code that no value of a union can reach; the compiler checks that the union is exhausted. */
export function unreachable(value: never): never {
  throw new MillraceError('ASSERTION_FAILED', `Assertion failed: unexpected value ${JSON.stringify(value)}`);
}
