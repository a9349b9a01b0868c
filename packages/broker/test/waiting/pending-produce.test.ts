import { MillraceError } from '@millrace/base';
import { ManualClock } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { CommitQueue } from '../../src/waiting/commit-queue.js';
import { DeadlineQueue } from '../../src/waiting/deadline-queue.js';
import { type CommitSource, PendingProduce } from '../../src/waiting/pending-produce.js';

function fixture() {
  const clock = new ManualClock();
  const deadlines = new DeadlineQueue(clock, { maxWaiting: 100 });
  const queues = [new CommitQueue(), new CommitQueue()];
  const sources = queues.map((queue, index): CommitSource => ({
    label: `orders-${index}`,
    waitForCommit: ({ lastOffset }, waiter, entry) => queue.add(lastOffset, waiter, entry),
    forgetFinishedWaiters: () => queue.prune(),
  }));
  const failures: string[] = [];
  let done = 0;
  const pending = new PendingProduce({
    deadlines,
    onEntryFailed: (entry, error) => failures.push(`${entry} ${error.code}`),
    onDone: () => done++,
  });
  sources.forEach((source, entry) => pending.waitFor(entry, source, { lastOffset: 7, acks: -1 }));
  pending.start(100);
  return { clock, deadlines, queues, failures, done: () => done };
}

describe('a produce request that waits', () => {
  test('is done when all of its partitions have committed, and then waits for nothing more', () => {
    const { clock, deadlines, queues, failures, done } = fixture();
    queues[0]!.release(8);
    expect(done()).toBe(0);
    queues[1]!.release(8);
    expect(done()).toBe(1);
    expect(deadlines.size).toBe(0);
    clock.advance(1000);
    expect([done(), failures]).toEqual([1, []]);
  });

  test('at its deadline fails what is still open, and leaves the queues of the partitions', () => {
    const { clock, queues, failures, done } = fixture();
    queues[1]!.release(8);
    clock.advance(200);
    expect([done(), failures]).toEqual([1, ['0 REQUEST_TIMED_OUT']]);
    expect(queues.map(({ length }) => length)).toEqual([0, 0]);
    queues[0]!.release(8);
    expect(done()).toBe(1);
  });

  test('a partition that fails does not end the wait for the others', () => {
    const { deadlines, queues, failures, done } = fixture();
    queues[0]!.failAll(new MillraceError('KAFKA_STORAGE_ERROR', 'gone'));
    expect([done(), failures]).toEqual([0, ['0 KAFKA_STORAGE_ERROR']]);
    queues[1]!.release(8);
    expect(done()).toBe(1);
    expect(deadlines.size).toBe(0);
  });
});
