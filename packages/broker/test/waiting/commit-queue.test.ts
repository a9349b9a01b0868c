import { MillraceError } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CommitQueue, type CommitWaiter } from '../../src/waiting/commit-queue.js';

class Waiter implements CommitWaiter {
  isDone = false;
  readonly heard: (number | string)[] = [];

  committed(entry: number): void {
    this.heard.push(entry);
  }

  failed(_entry: number, error: MillraceError): void {
    this.heard.push(error.code);
  }
}

describe('CommitQueue', () => {
  test('releases exactly the waiters below the high watermark, in order', () => {
    const gaps = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3000 });
    fc.assert(
      fc.property(gaps, fc.array(fc.nat(20), { maxLength: 20 }), (steps, jumps) => {
        const queue = new CommitQueue();
        const waiters: { offset: number; waiter: Waiter }[] = [];
        let offset = -1;
        for (const [entry, gap] of steps.entries()) {
          offset += gap;
          const waiter = new Waiter();
          waiters.push({ offset, waiter });
          queue.add(offset, waiter, entry);
        }
        let highWatermark = 0;
        for (const jump of jumps) {
          highWatermark += jump * 100;
          queue.release(highWatermark);
          expect(waiters.filter(({ waiter }) => waiter.heard.length > 0).map(({ offset: at }) => at)).toEqual(
            waiters.filter(({ offset: at }) => at < highWatermark).map(({ offset: at }) => at),
          );
        }
        expect(queue.length).toBe(waiters.filter(({ offset: at }) => at >= highWatermark).length);
      }),
      { numRuns: 30 },
    );
  });

  test('a waiter that gave up hears nothing more and is forgotten by prune', () => {
    const queue = new CommitQueue();
    const [gaveUp, patient] = [new Waiter(), new Waiter()];
    queue.add(0, gaveUp, 0);
    queue.add(1, patient, 0);
    gaveUp.isDone = true;
    queue.prune();
    expect(queue.length).toBe(1);
    queue.release(2);
    expect([gaveUp.heard, patient.heard]).toEqual([[], [0]]);
  });

  test('failAll tells everybody and leaves the queue empty', () => {
    const queue = new CommitQueue();
    const waiter = new Waiter();
    queue.add(4, waiter, 0);
    queue.add(5, waiter, 1);
    queue.failAll(new MillraceError('KAFKA_STORAGE_ERROR', 'the disk is gone'));
    expect(waiter.heard).toEqual(['KAFKA_STORAGE_ERROR', 'KAFKA_STORAGE_ERROR']);
    expect(queue.length).toBe(0);
  });
});
