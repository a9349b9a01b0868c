import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FinishedOffsets } from '../../src/run/finished-offsets.js';

describe('what may be committed', () => {
  test('never passes a record that is not finished, and comes to the end when all are', () => {
    const offsets = new FinishedOffsets(10);
    const [ten, twelve, thirteen] = [offsets.add(10), offsets.add(12), offsets.add(13)];
    offsets.finish(twelve);
    offsets.finish(thirteen);
    expect([offsets.committable, offsets.size]).toEqual([10, 3]);
    offsets.finish(ten);
    expect([offsets.committable, offsets.size]).toEqual([14, 0]);
    offsets.skipTo(20);
    expect(offsets.committable).toBe(20);
  });

  test('is the same as a list of records says, whatever the order in which they finish', () => {
    const command = fc.oneof(
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('add' as const), gap: fc.nat(3) }) },
      { weight: 4, arbitrary: fc.record({ kind: fc.constant('finish' as const), which: fc.nat() }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('skip' as const), gap: fc.nat(5) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), which: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.nat(1000), fc.array(command, { maxLength: 200 }), (start, commands) => {
        const real = new FinishedOffsets(start);
        let model: { offset: number; ticket: number; isFinished: boolean }[] = [];
        let end = start;
        let last = start;
        for (const step of commands) {
          const open = model.filter(({ isFinished }) => !isFinished);
          if (step.kind === 'add') {
            const offset = end + step.gap;
            model.push({ offset, ticket: real.add(offset), isFinished: false });
            end = offset + 1;
          } else if (step.kind === 'finish') {
            const one = open[step.which % Math.max(1, open.length)];
            if (one === undefined) continue;
            one.isFinished = true;
            real.finish(one.ticket);
          } else if (step.kind === 'skip') {
            end += step.gap;
            real.skipTo(end);
          } else {
            // Only what comes after everything finished can have never been begun.
            const lastFinished = model.findLast(({ isFinished }) => isFinished)?.offset ?? start - 1;
            const after = open.filter(({ offset }) => offset > lastFinished);
            const one = after[step.which % Math.max(1, after.length)];
            if (one === undefined) continue;
            model = model.filter(({ offset }) => offset < one.offset);
            end = one.offset;
            real.cut(end);
          }
          const expected = model.find(({ isFinished }) => !isFinished)?.offset ?? end;
          expect(real.committable).toBe(expected);
          expect(real.end).toBe(end);
          expect(real.size).toBe(model.filter(({ offset }) => offset >= expected).length);
          expect(real.committable).toBeGreaterThanOrEqual(last);
          last = real.committable;
        }
      }),
      { numRuns: 500 },
    );
  });

  test('remembers no more than what is unfinished and later, over millions of records', () => {
    const offsets = new FinishedOffsets(0);
    const tickets: number[] = [];
    for (let offset = 0; offset < 200_000; offset++) {
      tickets.push(offsets.add(offset));
      if (tickets.length < 3000) continue;
      const ticket = tickets.splice((offset * 7919) % 3000, 1)[0] as number;
      offsets.finish(ticket);
    }
    for (const ticket of tickets) offsets.finish(ticket);
    expect([offsets.committable, offsets.size]).toEqual([200_000, 0]);
  });
});
