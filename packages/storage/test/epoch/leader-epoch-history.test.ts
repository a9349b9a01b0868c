import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LeaderEpochHistory, type EpochEnd, type EpochEntry } from '../../src/epoch/leader-epoch-history.js';

/** The log as a list of epochs, one a record: what the history is derived from. */
function rescan(epochs: readonly number[], startOffset: number): EpochEntry[] {
  const entries: EpochEntry[] = [];
  epochs.forEach((epoch, index) => {
    const offset = startOffset + index;
    if (entries.at(-1)?.epoch !== epoch) entries.push({ epoch, startOffset: offset });
  });
  return entries;
}

function scanForEnd(epochs: readonly number[], startOffset: number, epoch: number): EpochEnd {
  const latest = epochs.at(-1) ?? -1;
  if (epoch < 0 || epoch > latest) return { epoch: -1, endOffset: -1 };
  const firstAbove = epochs.findIndex((other) => other > epoch);
  const end = firstAbove < 0 ? epochs.length : firstAbove;
  return { epoch: epochs[end - 1] ?? epoch, endOffset: startOffset + end };
}

const steps = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('append' as const), epochAhead: fc.nat(3), count: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ kind: fc.constant('cutEnd' as const), share: fc.nat(100) }),
    fc.record({ kind: fc.constant('cutStart' as const), share: fc.nat(100) }),
  ),
  { maxLength: 40 },
);

describe('the leader epoch history', () => {
  test('is what a scan of the log gives, after any appends and cuts', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const history = new LeaderEpochHistory();
        let epochs: number[] = [];
        let startOffset = 0;
        for (const step of list) {
          if (step.kind === 'append') {
            const epoch = (epochs.at(-1) ?? 0) + step.epochAhead;
            history.assign(epoch, startOffset + epochs.length);
            for (let index = 0; index < step.count; index++) epochs.push(epoch);
          } else {
            const at = startOffset + Math.floor((epochs.length * step.share) / 101);
            if (step.kind === 'cutEnd') {
              history.truncateFromEnd(at);
              epochs = epochs.slice(0, at - startOffset);
            } else if (epochs.length > 0) {
              history.truncateFromStart(at);
              epochs = epochs.slice(at - startOffset);
              startOffset = at;
            }
          }
          expect(history.entries).toEqual(rescan(epochs, startOffset));
          const endOffset = startOffset + epochs.length;
          for (let epoch = -1; epoch <= history.latestEpoch + 1; epoch++) {
            expect(history.endOffsetForEpoch(epoch, endOffset)).toEqual(scanForEnd(epochs, startOffset, epoch));
          }
          epochs.forEach((epoch, index) => {
            expect(history.epochAt(startOffset + index)).toBe(epoch);
          });
          expect(history.epochAt(startOffset - 1)).toBe(-1);
          expect(LeaderEpochHistory.from(history.entries)?.entries).toEqual(history.entries);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a new leader takes the place of one that never wrote', () => {
    const history = new LeaderEpochHistory();
    expect(history.assign(3, 10)).toBe(true);
    expect(history.assign(3, 12)).toBe(false);
    expect(history.assign(4, 20)).toBe(true);
    expect(history.assign(5, 20)).toBe(true);
    expect(history.entries).toEqual([
      { epoch: 3, startOffset: 10 },
      { epoch: 5, startOffset: 20 },
    ]);
  });

  test('entries that do not ascend are refused', () => {
    expect(
      LeaderEpochHistory.from([
        { epoch: 2, startOffset: 5 },
        { epoch: 2, startOffset: 9 },
      ]),
    ).toBeUndefined();
    expect(
      LeaderEpochHistory.from([
        { epoch: 2, startOffset: 5 },
        { epoch: 3, startOffset: 5 },
      ]),
    ).toBeUndefined();
  });
});
