/** What becomes of records whose callback has failed. */
import { errorMessage, MillraceError, sleep, type Clock, type Logger } from '@millrace/base';
import type { PartitionState } from '../partition-state.js';
import { isVerdict, type CallbackFailure, type RunSettings } from './run-options.js';
import type { Worker } from './worker.js';

export interface FailurePolicyOptions<Key, Value> {
  readonly settings: RunSettings<Key, Value>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing new is begun: `run` ends. */
  readonly isOver: () => boolean;
}

/** How often it is looked whether a wait has become pointless. */
const lookMs = 50;

export class FailurePolicy<Key, Value> {
  readonly #options: FailurePolicyOptions<Key, Value>;

  constructor(options: FailurePolicyOptions<Key, Value>) {
    this.#options = options;
  }

  /**
   * Whether to call back once more, to go on as if it had been processed, or to leave it as it is: it is not to be
   * processed here any more. Throws the error when it ends `run`.
   */
  async judge(
    failure: CallbackFailure<Key, Value>,
    state: PartitionState,
    worker: Worker,
  ): Promise<'again' | 'skip' | 'leave'> {
    const { settings, logger } = this.#options;
    const { error, attempt } = failure;
    const { generation } = state;
    worker.failures += 1;
    const { onError } = settings;
    const verdict = typeof onError === 'function' ? await onError(failure) : onError;
    if (!isVerdict(verdict)) {
      const message = `onError answered ${String(verdict)}; it must be stop, skip or retry.`;
      throw new MillraceError('INVALID_CONFIG', message, { cause: error });
    }
    if (verdict === 'stop') throw error;
    const { topic, partition } = state;
    const facts = { topic, partition, offset: worker.offset, attempt, error: errorMessage(error) };
    if (verdict === 'skip') {
      logger.warn('a record was skipped: its callback failed', facts);
      worker.skipped += 1;
      return 'skip';
    }
    logger.debug('a callback failed and is called again', facts);
    const { retryBackoffMs, retryBackoffMaxMs } = settings;
    const waitMs = Math.min(retryBackoffMaxMs, retryBackoffMs * 2 ** Math.min(attempt - 1, 30));
    return (await this.#wait(waitMs, state, generation)) ? 'again' : 'leave';
  }

  /** Whether it makes sense to try again after that. */
  async #wait(waitMs: number, state: PartitionState, generation: number): Promise<boolean> {
    const { clock, isOver } = this.#options;
    const untilMs = clock.monotonicMs() + waitMs;
    for (;;) {
      // Whoever waits for the partition, or for the end, does not wait for an attempt that may fail for ever.
      if (isOver() || state.isWithheld || state.generation !== generation) return false;
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) return true;
      await sleep(clock, Math.min(leftMs, lookMs));
    }
  }
}
