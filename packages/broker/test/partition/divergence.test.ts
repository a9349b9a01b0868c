import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { divergenceOf, type EpochedLog, epochEndAtLeader, truncationOffset } from '../../src/partition/divergence.js';

interface Entry {
  readonly epoch: number;
  readonly id: number;
}

/** A log as an array, which answers about epochs by looking at all of it. */
class ArrayLog implements EpochedLog {
  entries: Entry[] = [];
  readonly startOffset = 0;

  get endOffset(): number {
    return this.entries.length;
  }

  get leaderEpoch(): number {
    return this.entries.at(-1)?.epoch ?? -1;
  }

  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: number } {
    if (epoch < 0 || epoch > this.leaderEpoch) return { epoch: -1, endOffset: -1 };
    const endOffset = this.entries.findLastIndex((entry) => entry.epoch <= epoch) + 1;
    return { epoch: this.entries[endOffset - 1]?.epoch ?? epoch, endOffset };
  }
}

interface Office {
  readonly leaderEpoch: number;
  readonly epochStartOffset: number;
}

/** What a follower does until its log is part of the leader's. Returns how many exchanges that took. */
function reconcile(leader: ArrayLog, office: Office, follower: ArrayLog): number {
  for (let exchanges = 1; ; exchanges++) {
    const position = { fetchOffset: follower.endOffset, lastFetchedEpoch: follower.leaderEpoch };
    const divergence = divergenceOf(leader, office, position);
    if (divergence === undefined) return exchanges;
    const cut = truncationOffset(follower, divergence);
    expect(cut, 'a divergence cuts something, or it would be found for ever').toBeLessThan(follower.endOffset);
    follower.entries.length = cut;
    expect(exchanges).toBeLessThan(50);
  }
}

function commonPrefix(a: ArrayLog, b: ArrayLog): number {
  let length = 0;
  while (length < a.endOffset && length < b.endOffset && a.entries[length]?.id === b.entries[length]?.id) length++;
  return length;
}

const replica = fc.integer({ min: 0, max: 2 });
const step = fc.oneof(
  fc.record({ kind: fc.constant('elect' as const), replica }),
  fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ kind: fc.constant('fetch' as const), replica, count: fc.integer({ min: 0, max: 5 }) }),
);

describe('cutting by leader epochs', () => {
  test('whoever was elected, and whatever was copied before: a follower keeps what it shares with its leader, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const logs = [new ArrayLog(), new ArrayLog(), new ArrayLog()];
        let nextId = 0;
        let leader = 0;
        let office: Office = { leaderEpoch: 0, epochStartOffset: 0 };
        for (const one of steps) {
          const led = logs[leader]!;
          if (one.kind === 'elect') {
            leader = one.replica;
            office = { leaderEpoch: office.leaderEpoch + 1, epochStartOffset: logs[leader]!.endOffset };
          } else if (one.kind === 'append') {
            for (let index = 0; index < one.count; index++) {
              led.entries.push({ epoch: office.leaderEpoch, id: nextId++ });
            }
          } else if (one.replica !== leader) {
            const follower = logs[one.replica]!;
            const shared = commonPrefix(led, follower);
            reconcile(led, office, follower);
            expect(follower.endOffset).toBe(shared);
            follower.entries.push(...led.entries.slice(shared, shared + one.count));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('one exchange is not enough after two leaders that nobody followed', () => {
    const leader = new ArrayLog();
    const follower = new ArrayLog();
    const log = (epochs: readonly number[], from: number): Entry[] =>
      epochs.map((epoch, index) => ({ epoch, id: index < 2 ? index : from + index }));
    leader.entries = log([0, 0, 2, 2, 4], 100);
    follower.entries = log([0, 0, 1, 1, 3], 200);
    expect(reconcile(leader, { leaderEpoch: 4, epochStartOffset: 4 }, follower)).toBe(3);
    expect(follower.endOffset).toBe(2);
  });

  test('an office without records yet still says where those before it end', () => {
    const leader = new ArrayLog();
    leader.entries = [
      { epoch: 1, id: 0 },
      { epoch: 1, id: 1 },
    ];
    const office = { leaderEpoch: 5, epochStartOffset: 2 };
    expect(epochEndAtLeader(leader, office, 5)).toEqual({ epoch: 5, endOffset: 2 });
    expect(epochEndAtLeader(leader, office, 4)).toEqual({ epoch: 1, endOffset: 2 });
    expect(epochEndAtLeader(leader, office, 1)).toEqual({ epoch: 1, endOffset: 2 });
    expect(divergenceOf(leader, office, { fetchOffset: 4, lastFetchedEpoch: 4 })).toEqual({
      leaderEpoch: 1,
      endOffset: 2,
    });
  });

  test('a follower that has records of a later leader is not told to cut them', () => {
    const leader = new ArrayLog();
    leader.entries = [{ epoch: 1, id: 0 }];
    const ask = (): unknown =>
      divergenceOf(leader, { leaderEpoch: 1, epochStartOffset: 0 }, { fetchOffset: 3, lastFetchedEpoch: 2 });
    expect(ask).toThrow(expect.objectContaining({ code: 'UNKNOWN_LEADER_EPOCH' }));
  });

  test('an empty log diverges from nothing', () => {
    const position = { fetchOffset: 0, lastFetchedEpoch: -1 };
    expect(divergenceOf(new ArrayLog(), { leaderEpoch: 3, epochStartOffset: 0 }, position)).toBeUndefined();
  });
});
