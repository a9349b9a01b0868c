import type { MillraceError } from '@millrace/base';
import { withRetries, type Attempt, type ClusterClient, type RetryLimit } from '@millrace/client';

/**
 * Carries an error past the retries: one that may pass in other calls, such as a topic that is not known yet, but is
 * the answer to this one. The client gives up on whatever is no Millrace error.
 */
export class FinalAnswer extends Error {
  readonly error: MillraceError;

  constructor(error: MillraceError) {
    super(error.message);
    this.error = error;
  }
}

/** As `withRetries`, where an attempt can end it by a {@link FinalAnswer}. */
export async function untilAnswered<Result>(
  client: ClusterClient,
  limit: RetryLimit,
  attempt: (attempt: Attempt) => Promise<Result>,
): Promise<Result> {
  try {
    return await withRetries(client, limit, attempt);
  } catch (error) {
    throw error instanceof FinalAnswer ? error.error : error;
  }
}
