import { describe, expect, test } from 'vitest';
import { Durability } from '../src/core/durability.js';
import type { RaftEntry } from '../src/entry.js';
import { noMembership } from '../src/membership.js';

function entry(position: number): RaftEntry {
  return { position, term: 1, kind: 'records', records: [new Uint8Array(1)] };
}

describe('durability', () => {
  test('moves the synced end with the sync that covers an append, not before', () => {
    const durability = new Durability(0);
    durability.record({ kind: 'append', entries: [entry(0)] });
    durability.record({ kind: 'append', entries: [entry(1)] });
    durability.synced(1);
    expect(durability.syncedEnd).toBe(1);
    durability.synced(2);
    expect(durability.syncedEnd).toBe(2);
  });

  test('does not count what was cut after it was appended and before it was synced', () => {
    const durability = new Durability(3);
    durability.record({ kind: 'append', entries: [entry(3), entry(4)] });
    durability.record({ kind: 'truncate', end: 2 });
    durability.record({ kind: 'append', entries: [entry(2), entry(3), entry(4)] });
    expect(durability.syncedEnd).toBe(2);
    durability.synced(1);
    expect(durability.syncedEnd).toBe(2);
    durability.synced(3);
    expect(durability.syncedEnd).toBe(5);
  });

  test('counts a snapshot when it is synced, and the old log no more', () => {
    const durability = new Durability(3);
    const snapshot = { position: 9, term: 1, membership: noMembership, sizeBytes: 1 };
    durability.record({ kind: 'append', entries: [entry(3)] });
    durability.record({ kind: 'installSnapshot', snapshot });
    durability.synced(1);
    expect(durability.syncedEnd).toBe(0);
    durability.synced(2);
    expect(durability.syncedEnd).toBe(9);
  });

  test('refuses a report of a change that was not made', () => {
    const durability = new Durability(0);
    expect(() => durability.synced(1)).toThrow(/before it was made/);
  });
});
