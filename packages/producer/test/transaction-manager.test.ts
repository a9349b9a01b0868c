import { MillraceError } from '@millrace/base';
import type { RetryLimit } from '@millrace/client';
import { describe, expect, test } from 'vitest';
import type { ProducerIdentity } from '../src/partition-window.js';
import { TransactionManager, type TransactionRecords } from '../src/transaction/transaction-manager.js';
import type { TransactionRequests } from '../src/transaction/transaction-requests.js';

/** What a coordinator answers to EndTxn, in turn. `unknown` says that an attempt before it went unanswered. */
type Answer =
  | 'ok'
  | 'unknown, then ok'
  | 'never'
  | { readonly code: string; readonly retriable?: boolean; readonly unknown?: boolean };

class Script implements TransactionRecords {
  readonly ends: { readonly epoch: number; readonly committed: boolean }[] = [];
  readonly answers: Answer[] = [];
  readonly failures: string[] = [];
  #failure: MillraceError | undefined;
  hasSent = true;
  offsetsFailure: MillraceError | undefined;

  readonly requests = {
    initialize: () => Promise.resolve({ producerId: 1, producerEpoch: 0 }),
    end: (identity: ProducerIdentity, committed: boolean, { signal }: RetryLimit, onUnknown: () => void) => {
      this.ends.push({ epoch: identity.producerEpoch, committed });
      if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
      const answer = this.answers.shift() ?? 'ok';
      if (answer === 'never') {
        return new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason as Error));
        });
      }
      if (answer === 'unknown, then ok' || (typeof answer === 'object' && answer.unknown === true)) onUnknown();
      if (typeof answer === 'object') {
        const { code, retriable = false } = answer;
        return Promise.reject(new MillraceError(code, 'as the script says', { retriable }));
      }
      return Promise.resolve({ producerId: 1, producerEpoch: identity.producerEpoch + 1 });
    },
    commitOffsets: () => (this.offsetsFailure === undefined ? Promise.resolve() : Promise.reject(this.offsetsFailure)),
  } as unknown as TransactionRequests;

  get failure(): MillraceError | undefined {
    return this.#failure;
  }

  begin(): void {
    this.#failure = undefined;
  }

  fail(error: MillraceError): void {
    this.#failure ??= error;
    this.failures.push(error.code);
  }

  flush(): Promise<void> {
    return Promise.resolve();
  }

  failRecord(code: string): void {
    this.#failure = new MillraceError(code, 'a record has failed');
  }

  manager(): TransactionManager {
    const { requests } = this;
    return new TransactionManager({
      transactionalId: 't',
      transactionTimeoutMs: 1000,
      timeoutMs: 100,
      requests,
      records: this,
    });
  }
}

const late: Answer = { code: 'REQUEST_TIMED_OUT', retriable: true, unknown: true };
const closed = new MillraceError('PRODUCER_CLOSED', 'The producer was closed.');
const unknownForEver: object = {
  code: 'PRODUCER_CLOSED',
  retriable: false,
  message: expect.stringContaining('may or may not be committed') as string,
};
const group = { group: 'g', memberId: '', memberEpoch: -1, instanceId: null };

describe('the end of a transaction', () => {
  test('goes out under the epoch of the transaction, and brings the next one', async () => {
    const script = new Script();
    const manager = script.manager();
    await manager.commit(await manager.begin());
    await manager.abort(await manager.begin());
    await manager.commit(await manager.begin());
    expect(script.ends).toEqual([
      { epoch: 0, committed: true },
      { epoch: 1, committed: false },
      { epoch: 2, committed: true },
    ]);
  });

  test('is not asked for when nothing was sent', async () => {
    const script = new Script();
    script.hasSent = false;
    const manager = script.manager();
    await manager.commit(await manager.begin());
    await manager.abort(await manager.begin());
    expect(script.ends).toEqual([]);
  });

  test('that was not answered is asked for again, exactly as before, and nothing is begun until then', async () => {
    const script = new Script();
    script.answers.push(late, late, 'ok');
    const manager = script.manager();
    const number = await manager.begin();
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT', retriable: true });
    expect(manager.isUndecided(number)).toBe(true);
    await expect(manager.begin()).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
    await expect(manager.abort(number)).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await manager.commit(number);
    expect(manager.isUndecided(number)).toBe(false);
    expect(script.ends).toEqual(Array.from({ length: 3 }, () => ({ epoch: 0, committed: true })));
  });

  test('of an aborted one that was not answered is finished before the next begins', async () => {
    const script = new Script();
    script.answers.push(late);
    const manager = script.manager();
    const number = await manager.begin();
    await expect(manager.abort(number)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await manager.commit(await manager.begin());
    expect(script.ends).toEqual([
      { epoch: 0, committed: false },
      { epoch: 0, committed: false },
      { epoch: 1, committed: true },
    ]);
  });

  test.each(['TRANSACTION_ABORTABLE', 'INVALID_TXN_STATE'])(
    'that was decided the other way (%s) is told as aborted, and the producer goes on',
    async (code) => {
      const script = new Script();
      script.answers.push({ code });
      const manager = script.manager();
      const number = await manager.begin();
      await expect(manager.commit(number)).rejects.toMatchObject({ code: 'TRANSACTION_ABORTABLE' });
      await manager.abort(number);
      await manager.commit(await manager.begin());
      expect(script.ends.map(({ committed }) => committed)).toEqual([true, false, true]);
    },
  );

  test('after a failed record is an abort, and tells the failure', async () => {
    const script = new Script();
    const manager = script.manager();
    const number = await manager.begin();
    script.failRecord('MESSAGE_TOO_LARGE');
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    expect(script.ends).toEqual([{ epoch: 0, committed: false }]);
    await manager.abort(number);
    expect(script.ends.length).toBe(1);
  });

  test('after offsets that were refused is an abort, and tells why', async () => {
    const script = new Script();
    script.offsetsFailure = new MillraceError('STALE_MEMBER_EPOCH', 'not yours');
    const manager = script.manager();
    const number = await manager.begin();
    const offsets = [{ topic: 't', partition: 0, offset: 1 }];
    await expect(manager.commitOffsets(number, group, offsets)).rejects.toMatchObject({ code: 'STALE_MEMBER_EPOCH' });
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'STALE_MEMBER_EPOCH' });
    expect(script.ends).toEqual([{ epoch: 0, committed: false }]);
  });
});

describe('a producer that another has shut out', () => {
  test('fails for ever, and says what to do', async () => {
    const script = new Script();
    script.answers.push({ code: 'PRODUCER_FENCED' });
    const manager = script.manager();
    const number = await manager.begin();
    await expect(manager.commit(number)).rejects.toThrow(/Another producer .* its transactions count: .* Close it/);
    await expect(manager.begin()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
    await expect(manager.abort(number)).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
    expect(() => manager.requireOpen(number)).toThrow(expect.objectContaining({ code: 'PRODUCER_FENCED' }));
    await manager.close(10);
    expect(script.ends.length).toBe(1);
  });

  test('while its commit went unanswered does not claim to know the outcome', async () => {
    const script = new Script();
    script.answers.push(late, { code: 'PRODUCER_FENCED' });
    const manager = script.manager();
    const number = await manager.begin();
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await expect(manager.commit(number)).rejects.toThrow(/may or may not be committed/);
    expect(manager.isUndecided(number)).toBe(false);
  });
});

describe('closing', () => {
  test('aborts what is open', async () => {
    const script = new Script();
    const manager = script.manager();
    await manager.begin();
    await manager.close(10);
    expect(script.ends).toEqual([{ epoch: 0, committed: false }]);
    expect(script.failures).toEqual(['TRANSACTION_ABORTABLE']);
  });

  test('finds out what became of a commit that was not answered', async () => {
    const script = new Script();
    script.answers.push(late);
    const manager = script.manager();
    await expect(manager.commit(await manager.begin())).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await manager.close(10);
    expect(script.ends).toEqual([
      { epoch: 0, committed: true },
      { epoch: 0, committed: true },
    ]);
  });

  test('tells the commit that is asked for again what it found out', async () => {
    const script = new Script();
    script.answers.push(late);
    const manager = script.manager();
    const number = await manager.begin();
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await manager.close(10);
    manager.giveUp(closed);
    expect(manager.isUndecided(number)).toBe(false);
    await manager.commit(number);
    expect(script.ends.length).toBe(2);
  });

  test('ends the asking: a commit that nobody has answered by then stays unknown, and says so', async () => {
    const script = new Script();
    script.answers.push(late, late);
    const manager = script.manager();
    const number = await manager.begin();
    await expect(manager.commit(number)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await expect(manager.close(10)).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT' });
    await expect(manager.commit(number)).rejects.toMatchObject(unknownForEver);
    expect(manager.isUndecided(number)).toBe(false);
    manager.giveUp(closed);
    await expect(manager.commit(number)).rejects.toMatchObject(unknownForEver);
    expect(manager.isUndecided(number)).toBe(false);
  });

  test('ends a commit that is still waiting for its answer, and says that its outcome is unknown', async () => {
    const script = new Script();
    script.answers.push('never');
    const manager = script.manager();
    const number = await manager.begin();
    const committed = expect(manager.commit(number)).rejects.toMatchObject(unknownForEver);
    while (script.ends.length === 0) await Promise.resolve();
    manager.giveUp(closed);
    expect(manager.isUndecided(number)).toBe(false);
    await committed;
    await expect(manager.commit(number)).rejects.toMatchObject(unknownForEver);
    await expect(manager.abort(number)).rejects.toMatchObject(unknownForEver);
  });
});

test('a handle of an earlier transaction does nothing to a later one', async () => {
  const script = new Script();
  const manager = script.manager();
  const first = await manager.begin();
  await manager.commit(first);
  const second = await manager.begin();
  await expect(manager.commit(first)).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
  await expect(manager.abort(first)).rejects.toMatchObject({ code: 'INVALID_TXN_STATE' });
  expect(manager.isOpen(second)).toBe(true);
  expect(script.ends.length).toBe(1);
});
