/** Tries again after failures that may pass, with growing pauses, until a deadline. */
import { backoffMs, errorCode, errorMessage, MillraceError, sleep } from '@millrace/base';
import type { ClusterClient } from './cluster-client.js';
import { retryDecision } from './retry-decision.js';

export interface RetryLimit {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Refreshed when the failure says that somebody else leads. */
  readonly topics?: readonly string[];
}

export interface Attempt {
  /** From 1. */
  readonly number: number;
  /** Time left until the deadline: give it to the calls of this attempt. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Rejects with the first error that no retry cures, with the signal's reason, or, when the time is up, with the last
 * telling error and how often it was tried.
 */
export async function withRetries<Result>(
  client: ClusterClient,
  limit: RetryLimit,
  attempt: (attempt: Attempt) => Promise<Result>,
): Promise<Result> {
  const { clock } = client.environment;
  const startedMs = clock.monotonicMs();
  const leftMs = (): number => startedMs + limit.timeoutMs - clock.monotonicMs();
  let telling: unknown;
  for (let number = 1; ; number += 1) {
    try {
      limit.signal?.throwIfAborted();
      return await attempt({ number, timeoutMs: leftMs(), signal: limit.signal });
    } catch (error) {
      if (retryDecision(error) === 'give-up' || client.isClosed) throw error;
      // The last attempt often ends because time is up; what failed before it says why.
      if (telling === undefined || errorCode(error) !== 'REQUEST_TIMED_OUT') telling = error;
      const pauseMs = backoffMs(number, client.retryBackoff, client.retryRandom);
      if (pauseMs >= leftMs()) throw givenUp(telling, number, clock.monotonicMs() - startedMs);
      client.noteError(error, limit.topics);
      await sleep(clock, pauseMs, limit.signal);
    }
  }
}

function givenUp(error: unknown, attempts: number, elapsedMs: number): unknown {
  if (attempts === 1 || !(error instanceof MillraceError)) return error;
  const message = `${errorMessage(error)} (gave up after ${attempts} attempts in ${Math.round(elapsedMs)} ms)`;
  return new MillraceError(error.code, message, { retriable: error.retriable, cause: error });
}
