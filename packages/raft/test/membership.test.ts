import { describe, expect, test } from 'vitest';
import { MembershipHistory } from '../src/core/membership-history.js';
import { decodeMembership, encodeMembership, isVoter, majority, membership } from '../src/membership.js';
import { replicaKey } from '../src/replica.js';
import type { RaftEntry } from '../src/entry.js';

const three = membership([replicaKey(3, 'c'), replicaKey(1, 'a'), replicaKey(2, 'b')]);

function change(position: number, ids: readonly number[]): RaftEntry {
  const record = encodeMembership(membership(ids.map((id) => replicaKey(id, 'x'))));
  return { position, term: 1, kind: 'membership', records: [record] };
}

describe('a membership', () => {
  test('survives its record, in order of id', () => {
    expect(decodeMembership(encodeMembership(three))).toEqual(three);
    expect(three.voters.map(({ id }) => id)).toEqual([1, 2, 3]);
  });

  test('knows a voter by id and directory together', () => {
    expect(isVoter(three, replicaKey(2, 'b'))).toBe(true);
    expect(isVoter(three, replicaKey(2, 'other'))).toBe(false);
  });

  test('has majorities that overlap', () => {
    const sizes = [1, 2, 3, 4, 5].map((count) =>
      majority(membership(Array.from({ length: count }, (_, id) => replicaKey(id, 'd')))),
    );
    expect(sizes).toEqual([1, 2, 2, 3, 3]);
  });

  test('is refused with a node id twice, or from a record that nobody wrote', () => {
    expect(() => membership([replicaKey(1, 'a'), replicaKey(1, 'b')])).toThrow(/there twice/);
    for (const text of [
      '',
      '{',
      '{"version":0}',
      '{"version":9,"voters":[]}',
      '{"version":0,"voters":[{"id":-1,"directoryId":"a"}]}',
    ]) {
      expect(() => decodeMembership(Buffer.from(text))).toThrow(/cannot be read/);
    }
  });
});

describe('the history of memberships', () => {
  test('knows the one at each position, and forgets what is cut off at either end', () => {
    const history = new MembershipHistory({ position: 0, term: 0, membership: three }, [
      change(4, [1]),
      change(7, [1, 2]),
    ]);
    expect(history.at(4)).toEqual(three);
    expect(history.at(5).voters).toHaveLength(1);
    expect(history.latest.voters).toHaveLength(2);
    expect(history.latestPosition).toBe(8);
    history.truncateTo(7);
    expect(history.latest.voters).toHaveLength(1);
    history.advanceStart(6);
    expect(history.latest.voters).toHaveLength(1);
    expect(history.latestPosition).toBe(6);
    expect(() => history.at(5)).toThrow(/was forgotten/);
  });
});
