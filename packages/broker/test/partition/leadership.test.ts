import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Leadership, type PartitionAssignment } from '../../src/partition/leadership.js';

const assignment = (changes: Partial<PartitionAssignment> = {}): PartitionAssignment => ({
  leader: 1,
  leaderEpoch: 3,
  partitionEpoch: 10,
  replicas: [1, 2, 3],
  isr: [1, 2, 3],
  minInsyncReplicas: 2,
  ...changes,
});

const at = (nowMs: number, endOffset: number) => ({ nowMs, endOffset, durability: 'fsync' as const });
const fetched = (endOffset: number, brokerEpoch = 7) => ({
  brokerEpoch,
  endOffset,
  syncedEndOffset: endOffset,
  logStartOffset: 0,
});
const ownEnd = (ownEndOffset: number, joining: readonly number[] = []) => ({
  ownEndOffset,
  durability: 'fsync' as const,
  joining,
});
const everybody = (nodeId: number): number | undefined => (nodeId > 0 ? 7 : undefined);
const wish = (highWatermark: number, maxLagMs?: number, eligibleEpoch = everybody) => ({
  highWatermark,
  maxLagMs,
  eligibleEpoch,
});

function office(changes: Partial<PartitionAssignment> = {}, epochStartOffset = 0): Leadership {
  return new Leadership({ nodeId: 1, assignment: assignment(changes), epochStartOffset, nowMs: 0 });
}

describe('the high watermark of a leader', () => {
  test('is what all that may be in sync have synced, and stands still while too few surely are', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 3 }) }),
      fc.record({ kind: fc.constant('sync' as const), upTo: fc.nat(40) }),
      fc.record({ kind: fc.constant('fetch' as const), node: fc.constantFrom(2, 3), synced: fc.nat(40) }),
      fc.record({ kind: fc.constant('propose' as const), isr: fc.subarray([2, 3]) }),
      fc.record({ kind: fc.constant('end' as const), outcome: fc.constantFrom('accepted', 'refused', 'unknown') }),
      fc.record({ kind: fc.constant('hear' as const), isr: fc.subarray([2, 3]) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const leadership = office();
        const synced = new Map([
          [2, -1],
          [3, -1],
        ]);
        let [end, own, highWatermark, partitionEpoch] = [0, 0, 0, 10];
        let proposal: ReturnType<Leadership['inSync']['propose']> | undefined;
        for (const one of steps) {
          if (one.kind === 'append') end += one.count;
          else if (one.kind === 'sync') own = Math.max(own, Math.min(end, one.upTo));
          else if (one.kind === 'fetch') {
            const to = Math.min(end, one.synced);
            synced.set(one.node, Math.max(synced.get(one.node)!, to));
            leadership.noteFetch(one.node, fetched(to), at(0, end));
          } else if (one.kind === 'propose') {
            if (!leadership.inSync.isInFlight) proposal = leadership.inSync.propose([1, ...one.isr]);
          } else if (one.kind === 'end' && proposal !== undefined) {
            if (one.outcome === 'accepted')
              leadership.inSync.adopt({ isr: proposal.isr, partitionEpoch: ++partitionEpoch });
            else if (one.outcome === 'refused') leadership.inSync.refused(proposal);
            else leadership.inSync.unknown(proposal);
            proposal = undefined;
          } else if (one.kind === 'hear') {
            leadership.update(assignment({ isr: [1, ...one.isr], partitionEpoch: ++partitionEpoch }), 0);
            proposal = undefined;
          }
          const before = highWatermark;
          highWatermark = leadership.highWatermark(before, ownEnd(own));
          expect(highWatermark).toBeGreaterThanOrEqual(before);
          if (highWatermark === before) continue;
          expect(leadership.inSync.isr.length).toBeGreaterThanOrEqual(2);
          for (const member of leadership.inSync.maximal) {
            expect(member === 1 ? own : synced.get(member)).toBeGreaterThanOrEqual(highWatermark);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('of one replica is what it has synced, at once', () => {
    const leadership = office({ replicas: [1], isr: [1], minInsyncReplicas: 1 });
    expect(leadership.highWatermark(0, ownEnd(5))).toBe(5);
    expect(leadership.propose(at(0, 5), wish(5, 100))).toBeUndefined();
  });
});

describe('who joins the in-sync set', () => {
  test('has fetched in this epoch, has all up to its start, and is the process that the metadata knows', () => {
    const leadership = office({ isr: [1, 2] }, 20);
    leadership.noteFetch(2, fetched(30), at(1, 30));
    expect(leadership.propose(at(2, 30), wish(30)), 'has not fetched').toBeUndefined();
    leadership.noteFetch(3, fetched(19), at(3, 30));
    expect(leadership.propose(at(4, 30), wish(10)), 'below the start of the epoch').toBeUndefined();
    leadership.noteFetch(3, fetched(25), at(5, 30));
    expect(leadership.propose(at(6, 30), wish(30)), 'below the high watermark').toBeUndefined();
    leadership.noteFetch(3, fetched(30), at(7, 30));
    expect(leadership.propose(at(8, 30), wish(15)), 'while the end is not known').toBeUndefined();
    const another = (): number => 8;
    expect(leadership.propose(at(9, 30), wish(30, undefined, another)), 'another process').toBeUndefined();
    const fenced = (): undefined => undefined;
    expect(leadership.propose(at(9, 30), wish(30, undefined, fenced)), 'fenced').toBeUndefined();
    expect(leadership.propose(at(10, 30), wish(30))?.isr).toEqual([1, 2, 3]);
    expect(leadership.propose(at(11, 30), wish(30)), 'one at a time').toBeUndefined();
  });

  test('may join below the start of the epoch when the high watermark stands still for want of replicas', () => {
    const leadership = office({ isr: [1] }, 20);
    leadership.noteFetch(2, fetched(20), at(1, 20));
    leadership.noteFetch(3, fetched(19), at(1, 20));
    expect(leadership.highWatermark(5, ownEnd(20))).toBe(5);
    expect(leadership.propose(at(2, 20), wish(5))?.isr).toEqual([1, 2]);
  });

  test('a replica that the partition does not have is not noted', () => {
    expect(office().noteFetch(9, fetched(0), at(1, 0))).toBe(false);
  });
});

describe('who is about to join', () => {
  test('had everything a moment ago; the high watermark waits until it has what was committed meanwhile', () => {
    const leadership = office({ isr: [1, 2] });
    const waited = (nowMs: number) => leadership.aboutToJoin(nowMs, 1000, everybody);
    leadership.noteFetch(2, fetched(100), at(1, 100));
    expect(waited(1), 'nobody has fetched').toEqual([]);
    leadership.noteFetch(3, fetched(0), at(1, 100));
    expect(waited(1), 'it lacks all').toEqual([]);
    leadership.noteFetch(3, fetched(99), at(20, 200));
    expect(waited(20), 'it lacks what was there when it asked first').toEqual([]);
    leadership.noteFetch(3, fetched(150), at(40, 300));
    expect(waited(40)).toEqual([3]);
    leadership.noteFetch(2, fetched(300), at(40, 300));
    expect(leadership.highWatermark(200, ownEnd(300, [3])), 'stands still').toBe(200);
    expect(leadership.propose(at(40, 300), wish(200)), 'below the high watermark').toBeUndefined();
    leadership.noteFetch(3, fetched(250), at(60, 400));
    expect(leadership.highWatermark(200, ownEnd(400, waited(60)))).toBe(250);
    expect(leadership.propose(at(60, 400), wish(250))?.isr).toEqual([1, 2, 3]);
    expect(waited(60), 'is in the maximal set by now').toEqual([]);
  });

  test('is not waited for when it says nothing for that long, is fenced, or was started again', () => {
    const leadership = office({ isr: [1, 2] });
    leadership.noteFetch(3, fetched(100), at(1, 100));
    expect(leadership.aboutToJoin(1001, 1000, everybody)).toEqual([3]);
    expect(leadership.aboutToJoin(1002, 1000, everybody)).toEqual([]);
    expect(leadership.aboutToJoin(2, 1000, () => undefined)).toEqual([]);
    expect(leadership.aboutToJoin(2, 1000, () => 8)).toEqual([]);
    leadership.noteFetch(3, fetched(50, 8), at(2, 100));
    expect(
      leadership.aboutToJoin(2, 1000, () => 8),
      'the new process has not caught up',
    ).toEqual([]);
  });
});

describe('who is put out', () => {
  test('lacks something for longer than the limit; who was never heard counts from the beginning of the office', () => {
    const leadership = office();
    leadership.noteFetch(2, fetched(10), at(900, 10));
    expect(leadership.propose(at(1000, 10), wish(0, 1000))).toBeUndefined();
    expect(leadership.propose(at(1001, 10), wish(0, 1000))?.isr).toEqual([1, 2]);
  });

  test('lag is not judged where no limit is given, nor while nothing is lacking', () => {
    const leadership = office();
    expect(leadership.propose(at(1_000_000, 10), wish(0))).toBeUndefined();
    for (const node of [2, 3]) leadership.noteFetch(node, fetched(10), at(1, 10));
    expect(leadership.propose(at(1_000_000, 10), wish(10, 1000))).toBeUndefined();
  });
});

describe('doubt', () => {
  test('is settled by asking again, for what is wanted now', () => {
    const leadership = office({ isr: [1, 2] }, 0);
    for (const node of [2, 3]) leadership.noteFetch(node, fetched(10), at(1, 10));
    leadership.inSync.unknown(leadership.propose(at(2, 10), wish(10))!);
    expect(leadership.propose(at(3, 10), wish(10))?.isr).toEqual([1, 2, 3]);
  });

  test('of a join that is not wanted any more is settled with the committed set', () => {
    const leadership = office({ isr: [1, 2] }, 0);
    for (const node of [2, 3]) leadership.noteFetch(node, fetched(10), at(1, 10));
    leadership.inSync.unknown(leadership.propose(at(2, 10), wish(10))!);
    const fenced = (): undefined => undefined;
    expect(leadership.propose(at(3, 10), wish(10, undefined, fenced))?.isr).toEqual([1, 2]);
    expect([...leadership.inSync.maximal].sort()).toEqual([1, 2, 3]);
  });
});
