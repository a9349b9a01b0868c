import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Durability, ReplicaProgress } from '../../src/partition/replica-progress.js';

const at = (nowMs: number, endOffset: number, durability: Durability = 'fsync') => ({ nowMs, endOffset, durability });

describe('how far a follower is', () => {
  test('only grows within one registration, and begins anew with the next', () => {
    const progress = new ReplicaProgress(2, 0);
    expect(
      progress.noteFetch({ brokerEpoch: 5, endOffset: 10, syncedEndOffset: 8, logStartOffset: 0 }, at(1, 10)),
    ).toBe(true);
    progress.noteFetch({ brokerEpoch: 5, endOffset: 7, syncedEndOffset: 3, logStartOffset: 0 }, at(2, 10));
    expect([progress.endOffset, progress.reportedEndOffset('fsync')]).toEqual([10, 8]);
    expect(
      progress.noteFetch({ brokerEpoch: 4, endOffset: 99, syncedEndOffset: 99, logStartOffset: 0 }, at(3, 10)),
    ).toBe(false);
    expect(progress.endOffset).toBe(10);
    progress.noteFetch({ brokerEpoch: 9, endOffset: 0, syncedEndOffset: 0, logStartOffset: 0 }, at(4, 10));
    expect([progress.endOffset, progress.reportedEndOffset('fsync'), progress.brokerEpoch]).toEqual([0, 0, 9]);
  });

  test('never counts as synced what it says it does not have', () => {
    const progress = new ReplicaProgress(2, 0);
    progress.noteFetch({ brokerEpoch: 1, endOffset: 4, syncedEndOffset: 9, logStartOffset: 0 }, at(1, 10));
    expect(progress.reportedEndOffset('fsync')).toBe(4);
  });
});

describe('how long a follower lags', () => {
  test('is never more than since it last lacked nothing, and never less than nothing', () => {
    const event = fc.record({
      afterMs: fc.integer({ min: 1, max: 50 }),
      appended: fc.integer({ min: 0, max: 3 }),
      fetched: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 50 }), (events) => {
        const progress = new ReplicaProgress(2, 0);
        /** When the log ended where. */
        const ends: { ms: number; endOffset: number }[] = [{ ms: 0, endOffset: 0 }];
        let nowMs = 0;
        let end = 0;
        let has = 0;
        for (const { afterMs, appended, fetched } of events) {
          nowMs += afterMs;
          end += appended;
          ends.push({ ms: nowMs, endOffset: end });
          has = Math.min(end, has + fetched);
          progress.noteFetch(
            { brokerEpoch: 1, endOffset: has, syncedEndOffset: has, logStartOffset: 0 },
            at(nowMs, end),
          );
          const lag = progress.lagMs(at(nowMs, end));
          // The last moment at which the log held no more than the follower has now.
          const caughtUpMs = ends.findLast(({ endOffset }) => endOffset <= has)?.ms ?? 0;
          expect(lag).toBeGreaterThanOrEqual(has >= end ? 0 : nowMs - caughtUpMs);
          if (has >= end) expect(lag).toBe(0);
        }
      }),
    );
  });

  test('stays small for one that keeps up with a stream of appends without ever reaching its end', () => {
    const progress = new ReplicaProgress(2, 0);
    for (let ms = 1; ms < 5000; ms++) {
      progress.noteFetch(
        { brokerEpoch: 1, endOffset: ms * 10, syncedEndOffset: (ms - 20) * 10, logStartOffset: 0 },
        at(ms, ms * 10),
      );
      expect(progress.lagMs(at(ms, ms * 10))).toBeLessThan(50);
    }
  });

  test('grows for one whose disk syncs nothing, although it has every record', () => {
    const progress = new ReplicaProgress(2, 0);
    for (let ms = 1; ms < 5000; ms++) {
      progress.noteFetch({ brokerEpoch: 1, endOffset: ms, syncedEndOffset: 0, logStartOffset: 0 }, at(ms, ms));
    }
    expect(progress.lagMs(at(5000, 5000))).toBeGreaterThan(4900);
    expect(progress.lagMs(at(5000, 4999, 'replicated'))).toBe(0);
  });

  test('leaves out the time for which the leader itself read its disk for it', () => {
    const progress = new ReplicaProgress(2, 0);
    progress.noteFetch({ brokerEpoch: 1, endOffset: 0, syncedEndOffset: 0, logStartOffset: 0 }, at(10, 100));
    progress.beginRead(10);
    expect(progress.lagMs(at(40_000, 100))).toBe(10);
    progress.endRead(40_010);
    expect(progress.lagMs(at(40_020, 100))).toBe(20);
  });
});
