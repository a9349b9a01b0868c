import { MillraceError } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Membership, type Beat, type BeatReply, type GroupPartition } from '../../src/group/membership.js';

const topicId = 'T';
const partition = (index: number): GroupPartition => ({ topicId, topic: 't', partition: index });
const indexes = (partitions: readonly GroupPartition[]): number[] => partitions.map((one) => one.partition);
const error = (code: string, retriable = false): MillraceError => new MillraceError(code, code, { retriable });

function reply(memberEpoch: number, partitions: readonly number[] | null): BeatReply {
  const assignment = partitions === null ? null : [{ topicId, topic: 't', partitions }];
  return { memberEpoch, heartbeatIntervalMs: 1000, assignment };
}

function newMembership(): Membership {
  return new Membership((failures) => failures * 10);
}

function beat(membership: Membership, nowMs: number): Beat {
  const next = membership.next(nowMs);
  if (next === undefined) throw new Error(`there is nothing to send at ${nowMs}`);
  return next;
}

function joined(partitions: readonly number[]): Membership {
  const membership = newMembership();
  membership.answered(beat(membership, 0), reply(1, partitions), 1);
  membership.answered(beat(membership, 1), reply(1, null), 2);
  return membership;
}

describe('a member', () => {
  test('joins with everything said, takes what it is given, and confirms that at once', () => {
    const membership = newMembership();
    const join = beat(membership, 0);
    expect(join).toMatchObject({ memberEpoch: 0, isFull: true, owned: [] });
    expect(membership.next(5)).toBeUndefined();
    const change = membership.answered(join, reply(3, [0, 1]), 5);
    expect(indexes(change.taken)).toEqual([0, 1]);
    expect(membership.isSettled).toBe(true);
    const confirm = beat(membership, 5);
    expect(confirm).toMatchObject({ memberEpoch: 3, isFull: false });
    expect(indexes(confirm.owned)).toEqual([0, 1]);
    membership.answered(confirm, reply(3, null), 6);
    expect(membership.wakeAtMs).toBe(1005);
  });

  test('owns what it is to give up until that is done, and says so at once', () => {
    const membership = joined([0, 1]);
    const change = membership.answered(beat(membership, 1001), reply(1, [1]), 1002);
    expect(indexes(change.toRelease)).toEqual([0]);
    const next = beat(membership, 2001);
    expect(indexes(next.owned)).toEqual([0, 1]);
    expect(membership.answered(next, reply(1, [1]), 2002)).toEqual({ taken: [], toRelease: [] });
    membership.released(change.toRelease, 2100);
    expect(indexes(beat(membership, 2100).owned)).toEqual([1]);
  });

  test('speaks up while a heartbeat is held, whose answer then counts no more', () => {
    const membership = joined([0]);
    const first = beat(membership, 1001);
    const { toRelease } = membership.answered(first, reply(1, []), 1002);
    const held = beat(membership, 2001);
    membership.released(toRelease, 2100);
    expect(indexes(beat(membership, 2100).owned)).toEqual([]);
    expect(membership.answered(held, reply(1, [0]), 2101)).toEqual({ taken: [], toRelease: [] });
    expect(membership.owned).toEqual([]);
  });

  test.each(['UNKNOWN_MEMBER_ID', 'FENCED_MEMBER_EPOCH'])('that meets %s loses everything and joins again', (code) => {
    const membership = joined([0, 1]);
    const { lost, fatal } = membership.refused(beat(membership, 1001), error(code), 1002);
    expect({ lost: indexes(lost), fatal }).toEqual({ lost: [0, 1], fatal: undefined });
    expect(beat(membership, 1012)).toMatchObject({ memberEpoch: 0, isFull: true, owned: [] });
  });

  test('says everything again after a heartbeat without an answer, later each time, and keeps what it has', () => {
    const membership = joined([0]);
    expect(membership.refused(beat(membership, 1001), error('NOT_COORDINATOR', true), 1002).lost).toEqual([]);
    expect(membership.wakeAtMs).toBe(1012);
    const again = beat(membership, 1012);
    expect(again).toMatchObject({ memberEpoch: 1, isFull: true });
    membership.refused(again, error('NETWORK_EXCEPTION', true), 1013);
    expect(membership.wakeAtMs).toBe(1033);
  });

  test('ends on an error that no retry cures', () => {
    const membership = joined([0]);
    const { lost, fatal } = membership.refused(beat(membership, 1001), error('FENCED_INSTANCE_ID'), 1002);
    expect({ lost: indexes(lost), code: fatal?.code }).toEqual({ lost: [0], code: 'FENCED_INSTANCE_ID' });
    expect(membership.next(1e9)).toBeUndefined();
  });

  test('waits for the session of the one that had its instance id, but not for ever', () => {
    const membership = newMembership();
    let nowMs = 0;
    for (;;) {
      const { fatal } = membership.refused(beat(membership, nowMs), error('UNRELEASED_INSTANCE_ID'), nowMs);
      if (fatal !== undefined) break;
      nowMs = membership.wakeAtMs + 30_000;
    }
    expect(nowMs).toBeGreaterThan(60_000);
    expect(nowMs).toBeLessThan(150_000);
  });

  test('that stepped back says nothing until it rejoins', () => {
    const membership = joined([0]);
    expect(indexes(membership.stepBack())).toEqual([0]);
    expect(membership.next(1e9)).toBeUndefined();
    membership.left(1e9);
    expect(membership.next(1e9)).toBeUndefined();
    membership.rejoin(1e9);
    expect(beat(membership, 1e9)).toMatchObject({ memberEpoch: 0, isFull: true });
  });

  test('that stepped back joins again only when it has left: a late request to leave would end its new life', () => {
    const membership = joined([0]);
    membership.stepBack();
    membership.rejoin(5000);
    expect(membership.next(5000)).toBeUndefined();
    membership.left(6000);
    expect(beat(membership, 6000)).toMatchObject({ memberEpoch: 0, isFull: true });
  });
});

type Step =
  | { readonly kind: 'answer'; readonly assignment: readonly number[] | null }
  | { readonly kind: 'refuse'; readonly code: string; readonly retriable: boolean }
  | { readonly kind: 'release' | 'step-back' | 'left' | 'rejoin' | 'wait' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), assignment: fc.option(fc.uniqueArray(fc.nat(5))) }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Step>(
      { kind: 'refuse', code: 'NOT_COORDINATOR', retriable: true },
      { kind: 'refuse', code: 'UNKNOWN_MEMBER_ID', retriable: false },
      { kind: 'refuse', code: 'FENCED_MEMBER_EPOCH', retriable: false },
    ),
  },
  {
    weight: 4,
    arbitrary: fc.constantFrom<Step>(
      { kind: 'release' },
      { kind: 'wait' },
      { kind: 'step-back' },
      { kind: 'left' },
      { kind: 'rejoin' },
    ),
  },
);

test('whatever happens, what the program has is what the coordinator is told, and each partition goes as it came', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const membership = newMembership();
      /** What the program has: taken, and neither released nor lost. */
      const has = new Set<number>();
      const releasing = new Set<number>();
      let nowMs = 0;
      let open: Beat | undefined;
      const lose = (lost: readonly GroupPartition[]): void => {
        expect(new Set(indexes(lost))).toEqual(has);
        has.clear();
        releasing.clear();
      };
      for (const one of steps) {
        nowMs += 400;
        const next = membership.next(nowMs);
        if (next !== undefined) {
          expect(new Set(indexes(next.owned))).toEqual(has);
          expect(next.memberEpoch === 0).toBe(membership.phase === 'joining');
          if (next.memberEpoch === 0) expect(next).toMatchObject({ isFull: true, owned: [] });
          open = next;
        }
        if (one.kind === 'answer' && open !== undefined) {
          const { taken, toRelease } = membership.answered(open, reply(7, one.assignment), nowMs);
          open = undefined;
          for (const index of indexes(taken)) {
            expect(has.has(index)).toBe(false);
            has.add(index);
          }
          for (const index of indexes(toRelease)) {
            expect(has.has(index) && !releasing.has(index)).toBe(true);
            releasing.add(index);
          }
        } else if (one.kind === 'refuse' && open !== undefined) {
          const isPutOut = !one.retriable && membership.phase !== 'away';
          const { lost } = membership.refused(open, error(one.code, one.retriable), nowMs);
          open = undefined;
          if (isPutOut) lose(lost);
          else expect(lost).toEqual([]);
        } else if (one.kind === 'release' && releasing.size > 0) {
          membership.released([...releasing].map(partition), nowMs);
          for (const index of releasing) has.delete(index);
          releasing.clear();
        } else if (one.kind === 'step-back') {
          lose(membership.stepBack());
          open = undefined;
        } else if (one.kind === 'rejoin') {
          membership.rejoin(nowMs);
        } else if (one.kind === 'left') {
          membership.left(nowMs);
        }
        expect(new Set(indexes(membership.owned))).toEqual(has);
        // Somebody who is in the group, or joins it, always has a next thing to do.
        if (membership.phase !== 'away' && open === undefined) expect(membership.wakeAtMs).toBeLessThan(Infinity);
      }
    }),
  );
});
