import { ManualClock } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { DeadlineQueue } from '../../src/waiting/deadline-queue.js';
import { PendingFetch } from '../../src/waiting/pending-fetch.js';

function fixture(missingBytes = 100) {
  const clock = new ManualClock();
  const deadlines = new DeadlineQueue(clock, { maxWaiting: 100 });
  const readers = [new Set<PendingFetch>(), new Set<PendingFetch>()];
  let ends = 0;
  const pending = new PendingFetch({
    partitions: readers.map((set) => ({
      addReader: (reader) => set.add(reader),
      removeReader: (reader) => set.delete(reader),
    })),
    missingBytes,
    deadlines,
    onEnd: () => ends++,
  });
  pending.start(500);
  return {
    clock,
    pending,
    left: () => deadlines.size + readers.reduce((sum, set) => sum + set.size, 0),
    ends: () => ends,
  };
}

describe('a fetch that waits', () => {
  test('ends when enough has arrived, in as many pieces as it takes', () => {
    const { pending, ends, left } = fixture(100);
    pending.arrived(60);
    expect([ends(), left()]).toEqual([0, 3]);
    pending.arrived(40);
    expect([ends(), left()]).toEqual([1, 0]);
    pending.arrived(1000);
    expect(ends()).toBe(1);
  });

  test.each(['disturbed', 'cancel', 'expire'] as const)(
    'ends once when it is told %s, and leaves everywhere',
    (how) => {
      const { pending, ends, left, clock } = fixture();
      pending[how]();
      expect([ends(), left()]).toEqual([1, 0]);
      clock.advance(1000);
      pending.arrived(1000);
      expect(ends()).toBe(1);
    },
  );

  test('ends at its deadline', () => {
    const { clock, ends, left } = fixture();
    clock.advance(510);
    expect([ends(), left()]).toEqual([1, 0]);
  });
});
