import { z } from 'zod';

/** Which records a reader sees of transactions that are open or aborted. */
export type Isolation = 'read-uncommitted' | 'read-committed';

export function isolation() {
  return z
    .enum(['read-uncommitted', 'read-committed'])
    .describe('read-committed: only up to the first open transaction, and nothing of aborted ones.');
}
