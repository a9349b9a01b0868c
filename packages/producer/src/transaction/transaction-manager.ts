/**
 * One transaction after the other, under one transactional id.
 *
 *     new ──initialize──▶ ready ──begin──▶ open ──commit, abort──▶ ending ──answered──▶ ready
 *                                                        │ not answered in time: the same end is asked for again, by
 *                                                        │ commit(), or by abort() and the next begin
 *     any ──another producer has the id, the id is gone, or it was closed──▶ unusable, for ever
 *
 * Every end brings a higher epoch. What is still on its way of the transaction carries the old one, and is refused; so
 * the next may begin at once. An end that was not answered is never followed by anything but itself: whoever went on would
 * not know which transaction it ends.
 */
import { errorCode, MillraceError } from '@millrace/base';
import type { RetryLimit } from '@millrace/client';
import type { ProducerIdentity } from '../partition-window.js';
import {
  abortedByCluster,
  abortedForFailure,
  abortUnfinished,
  canOnlyBeAborted,
  closedUnknown,
  commitUnknown,
  fenced,
  fencedUnknown,
  unusable,
  userAbort,
  wrongState,
} from './transaction-errors.js';
import type { OffsetInTransaction, TransactionGroup } from './transaction-offsets.js';
import type { TransactionRequests } from './transaction-requests.js';

/** What the producer does with the records of a transaction. */
export interface TransactionRecords {
  /** A transaction begins: everything before has its outcome. */
  begin(identity: ProducerIdentity): void;
  /** Why it can only be aborted. */
  readonly failure: MillraceError | undefined;
  /** Whether any record may be in a log. */
  readonly hasSent: boolean;
  /** Everything without outcome fails. */
  fail(error: MillraceError): void;
  /** Resolves when every record has its outcome. */
  flush(): Promise<void>;
}

export interface TransactionManagerOptions {
  readonly transactionalId: string;
  readonly transactionTimeoutMs: number;
  /** How long commit, abort and begin go on asking. */
  readonly timeoutMs: number;
  readonly requests: TransactionRequests;
  readonly records: TransactionRecords;
}

/** An end that was decided and may not have been answered yet. */
interface End {
  readonly committed: boolean;
  /** An attempt went unanswered: it may have been done. */
  isUnknown: boolean;
}

export class TransactionManager {
  readonly #options: TransactionManagerOptions;
  readonly #closing = new AbortController();
  #identity: ProducerIdentity | undefined;
  #isOpen = false;
  #hasOffsets = false;
  #offsetCommits: Promise<unknown>[] = [];
  #offsetFailure: MillraceError | undefined;
  #end: End | undefined;
  #unusable: MillraceError | undefined;
  /** One step at a time. */
  #last: Promise<unknown> = Promise.resolve();
  /** Rises with each transaction: handles of earlier ones are of no use. */
  #number = 0;
  /** Whether the last transaction was aborted, when it has ended. */
  #wasAborted = false;
  /** `close` has found out that the last transaction is committed: its `commit()` may still ask. */
  #isFoundCommitted = false;

  constructor(options: TransactionManagerOptions) {
    this.#options = options;
  }

  get unusable(): MillraceError | undefined {
    return this.#unusable;
  }

  /** Why the open transaction can only be aborted. */
  get failure(): MillraceError | undefined {
    return this.#unusable ?? this.#options.records.failure ?? this.#offsetFailure;
  }

  isOpen(number: number): boolean {
    return this.#isOpen && number === this.#number;
  }

  isUndecided(number: number): boolean {
    return number === this.#number && this.#end?.committed === true && this.#unusable === undefined;
  }

  /** Throws where nothing can be added to the transaction. */
  requireOpen(number: number): void {
    this.#requireUsable();
    if (!this.isOpen(number)) throw wrongState('The transaction has ended: nothing can be added to it. Begin another.');
    const { failure } = this;
    if (failure !== undefined) throw canOnlyBeAborted(failure);
  }

  /** Resolves with the number of the new transaction. */
  begin(): Promise<number> {
    return this.#inTurn(async () => {
      if (this.#isOpen) throw wrongState('A transaction is open already: commit or abort it before the next.');
      this.#requireUsable();
      if (this.#end?.committed === true) {
        throw wrongState('Whether the last transaction is committed is not known yet: call its commit() again first.');
      }
      const limit = this.#limit();
      if (this.#end !== undefined) await this.#finish(this.#end, limit);
      this.#identity ??= await this.#initialize(limit);
      this.#options.records.begin(this.#identity);
      this.#hasOffsets = false;
      this.#offsetFailure = undefined;
      this.#offsetCommits = [];
      this.#isOpen = true;
      this.#wasAborted = false;
      this.#number += 1;
      return this.#number;
    });
  }

  /** Rejects when the coordinator of the group refuses them: the transaction can only be aborted then. */
  commitOffsets(number: number, group: TransactionGroup, offsets: readonly OffsetInTransaction[]): Promise<void> {
    const result = this.#commitOffsets(number, group, offsets);
    this.#offsetCommits.push(result.catch(() => undefined));
    return result;
  }

  /** Resolves when it is committed. Rejects with what aborted it, or `REQUEST_TIMED_OUT` when that is not known. */
  commit(number: number): Promise<void> {
    return this.#inTurn(async () => {
      if (number === this.#number && this.#isFoundCommitted) return;
      this.#requireMine(number, 'commit');
      const { records } = this.#options;
      const end = this.#end;
      if (end === undefined) {
        await records.flush();
        await Promise.all(this.#offsetCommits);
        const { failure } = this;
        if (failure !== undefined) {
          await this.#abort(failure);
          throw abortedForFailure(failure);
        }
        this.#isOpen = false;
        if (!this.#hasWritten) return;
        this.#end = { committed: true, isUnknown: false };
      } else if (!end.committed) {
        await this.#finish(end, this.#limit());
        throw wrongState('The transaction was being aborted: it is, and cannot be committed.');
      }
      await this.#finish(this.#end as End, this.#limit());
    });
  }

  /** Resolves when nothing of it counts, for ever. */
  abort(number: number): Promise<void> {
    return this.#inTurn(async () => {
      if (number === this.#number && this.#wasAborted && this.#end === undefined) return;
      this.#requireMine(number, 'abort');
      if (this.#end?.committed === true) {
        throw wrongState('The transaction is being committed, and may be by now: call commit() again to find out.');
      }
      if (this.#end === undefined) await this.#abort(userAbort());
      else await this.#finish(this.#end, this.#limit());
    });
  }

  /** Aborts what is open, and finds out what became of an end that was not answered. */
  async close(timeoutMs: number): Promise<void> {
    const step = this.#inTurn(async () => {
      if (this.#unusable !== undefined) return;
      if (this.#isOpen) await this.#abort(userAbort(), timeoutMs);
      else if (this.#end !== undefined) {
        const { committed } = this.#end;
        await this.#finish(this.#end, this.#limit(timeoutMs));
        this.#isFoundCommitted = committed;
      }
    });
    try {
      await step;
    } finally {
      this.#closing.abort();
    }
  }

  /** What waits for an answer waits no longer. A commit without one cannot be asked for again: that would never end. */
  giveUp(error: MillraceError): void {
    this.#unusable ??= this.#end?.committed === true ? closedUnknown(error) : error;
    this.#closing.abort(error);
  }

  get #hasWritten(): boolean {
    return this.#hasOffsets || this.#options.records.hasSent;
  }

  async #initialize(limit: RetryLimit): Promise<ProducerIdentity> {
    const { requests, transactionalId } = this.#options;
    try {
      return await requests.initialize(limit);
    } catch (error) {
      if (errorCode(error) === 'PRODUCER_FENCED') throw this.#fail(fenced(transactionalId, error));
      throw error;
    }
  }

  async #commitOffsets(
    number: number,
    group: TransactionGroup,
    offsets: readonly OffsetInTransaction[],
  ): Promise<void> {
    this.requireOpen(number);
    if (offsets.length === 0) return;
    this.#hasOffsets = true;
    try {
      await this.#options.requests.commitOffsets(this.#identity as ProducerIdentity, group, offsets, this.#limit());
    } catch (error) {
      if (error instanceof MillraceError) this.#offsetFailure ??= error;
      throw error;
    }
  }

  async #abort(reason: MillraceError, timeoutMs = this.#options.timeoutMs): Promise<void> {
    const { records } = this.#options;
    this.#isOpen = false;
    this.#wasAborted = true;
    records.fail(reason);
    await records.flush();
    if (!this.#hasWritten) return;
    this.#requireUsable();
    this.#end = { committed: false, isUnknown: false };
    await this.#finish(this.#end, this.#limit(timeoutMs));
  }

  /** Asks for the end until it is answered. */
  async #finish(end: End, limit: RetryLimit): Promise<void> {
    const { requests, transactionTimeoutMs } = this.#options;
    this.#requireUsable();
    const onUnknown = (): void => {
      end.isUnknown = true;
    };
    try {
      this.#identity = await requests.end(this.#identity as ProducerIdentity, end.committed, limit, onUnknown);
      this.#end = undefined;
    } catch (error) {
      if (this.#closing.signal.aborted && end.committed) throw this.#fail(this.#unusable ?? closedUnknown(error));
      if (!isFinal(error) || this.#closing.signal.aborted)
        throw end.committed ? commitUnknown(error) : abortUnfinished(error);
      if (!end.committed || !abortedCodes.has(errorCode(error))) throw this.#fail(this.#finalError(end, error));
      // Decided the other way: by its timeout, or by an operator.
      this.#wasAborted = true;
      this.#end = { committed: false, isUnknown: false };
      await this.#finish(this.#end, limit);
      throw abortedByCluster(transactionTimeoutMs, error);
    }
  }

  #finalError(end: End, error: unknown): MillraceError {
    const { transactionalId } = this.#options;
    if (!fencedCodes.has(errorCode(error))) return unusable(transactionalId, error);
    return end.committed && end.isUnknown ? fencedUnknown(transactionalId, error) : fenced(transactionalId, error);
  }

  #fail(error: MillraceError): MillraceError {
    this.#unusable = error;
    this.#isOpen = false;
    this.#end = undefined;
    this.#options.records.fail(error);
    return error;
  }

  #requireUsable(): void {
    if (this.#unusable !== undefined) throw this.#unusable;
  }

  #requireMine(number: number, what: string): void {
    this.#requireUsable();
    if (number === this.#number && (this.#isOpen || this.#end !== undefined)) return;
    throw wrongState(`There is nothing to ${what}: the transaction has ended.`);
  }

  #limit(timeoutMs = this.#options.timeoutMs): RetryLimit {
    return { timeoutMs, signal: this.#closing.signal };
  }

  #inTurn<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

const fencedCodes: ReadonlySet<string> = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH']);
const abortedCodes: ReadonlySet<string> = new Set(['TRANSACTION_ABORTABLE', 'INVALID_TXN_STATE']);

function isFinal(error: unknown): boolean {
  return error instanceof MillraceError && !error.retriable;
}
