import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { errorCode } from '@millrace/base';
import type { ProducerBatch } from '../../src/producer-state/producer-batch.js';
import { ProducerEntry } from '../../src/producer-state/producer-entry.js';
import { decodeProducerSnapshot, encodeProducerSnapshot } from '../../src/producer-state/producer-snapshot.js';
import { ProducerState } from '../../src/producer-state/producer-state.js';

const top = 2 ** 31;

interface Sent {
  readonly producerId: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly count: number;
}

function batchOf(sent: Sent, baseOffset: number): ProducerBatch {
  return {
    producerId: sent.producerId,
    producerEpoch: sent.epoch,
    baseSequence: sent.sequence,
    lastSequence: (sent.sequence + sent.count - 1) % top,
    maxTimestamp: 1000 + baseOffset,
    leaderEpoch: 7,
    baseOffset,
    lastOffset: baseOffset + sent.count - 1,
    isControl: false,
    isTransactional: false,
  };
}

/** Where both clocks agree. */
function at(ms: number): { readonly wallMs: number; readonly monotonicMs: number } {
  return { wallMs: ms, monotonicMs: ms };
}

function newState(overrides: { expirationMs?: number; maxProducers?: number } = {}): ProducerState {
  return new ProducerState({ partitionName: 'orders-0', expirationMs: 1000, ...overrides });
}

/** Checks and, when it is to be appended, applies; the answer as text. */
class Partition {
  readonly state: ProducerState;
  endOffset = 0;
  constructor(state: ProducerState) {
    this.state = state;
  }
  send(sent: Sent, nowMs = 0): string {
    const batch = batchOf(sent, this.endOffset);
    try {
      const check = this.state.check(batch, 'client');
      if (check.kind === 'duplicate') return `duplicate ${check.baseOffset}..${check.lastOffset}`;
    } catch (error) {
      return errorCode(error);
    }
    this.state.apply(batch, nowMs);
    this.endOffset += sent.count;
    return `appended at ${batch.baseOffset}`;
  }
}

/** The rules again, told by remembering every batch that was ever appended. */
class Model {
  readonly #batches = new Map<number, { sent: Sent; offset: number }[]>();
  endOffset = 0;
  send(sent: Sent): string {
    const all = this.#batches.get(sent.producerId) ?? [];
    const epoch = all.at(-1)?.sent.epoch;
    const ofEpoch = all.filter((one) => one.sent.epoch === sent.epoch);
    if (epoch === undefined && sent.sequence !== 0) return 'UNKNOWN_PRODUCER_ID';
    if (epoch !== undefined && sent.epoch < epoch) return 'INVALID_PRODUCER_EPOCH';
    if (epoch !== undefined && sent.epoch > epoch && sent.sequence !== 0) return 'OUT_OF_ORDER_SEQUENCE_NUMBER';
    if (epoch === sent.epoch) {
      const known = ofEpoch.slice(-5);
      const same = known.find((one) => one.sent.sequence === sent.sequence && one.sent.count === sent.count);
      if (same) return `duplicate ${same.offset}..${same.offset + same.sent.count - 1}`;
      const last = ofEpoch.at(-1);
      const next = last ? (last.sent.sequence + last.sent.count) % top : 0;
      const oldest = known[0];
      if (sent.sequence !== next) {
        const isForgotten = oldest !== undefined && sent.sequence + sent.count <= oldest.sent.sequence;
        return isForgotten ? 'DUPLICATE_SEQUENCE_NUMBER' : 'OUT_OF_ORDER_SEQUENCE_NUMBER';
      }
    }
    all.push({ sent, offset: this.endOffset });
    this.#batches.set(sent.producerId, all);
    this.endOffset += sent.count;
    return `appended at ${this.endOffset - sent.count}`;
  }
}

const sends = fc.array(
  fc.record({
    producerId: fc.integer({ min: 1, max: 3 }),
    epoch: fc.integer({ min: 0, max: 2 }),
    sequence: fc.nat(12),
    count: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 120 },
);

describe('the producer state', () => {
  test('answers as one that remembers everything would', () => {
    fc.assert(
      fc.property(sends, (list) => {
        const partition = new Partition(newState());
        const model = new Model();
        for (const sent of list) expect(partition.send(sent)).toBe(model.send(sent));
      }),
      { numRuns: 500 },
    );
  });

  test('is the same after a snapshot and a replay of what came later', () => {
    fc.assert(
      fc.property(sends, fc.nat(120), (list, at) => {
        const live = new Partition(newState());
        let bytes: Uint8Array | undefined;
        const later: ProducerBatch[] = [];
        list.forEach((sent, index) => {
          if (index === at) bytes = encodeProducerSnapshot(live.state.snapshot());
          const offset = live.endOffset;
          if (live.send(sent).startsWith('appended') && bytes !== undefined) later.push(batchOf(sent, offset));
        });
        const replayed = newState();
        const snapshot = bytes && decodeProducerSnapshot(bytes);
        if (snapshot === undefined) return;
        replayed.loadSnapshot(snapshot);
        for (const batch of later) replayed.apply(batch, 0);
        expect(encodeProducerSnapshot(replayed.snapshot())).toEqual(encodeProducerSnapshot(live.state.snapshot()));
      }),
    );
  });

  test('sequences go on at 0 after 2^31-1, and a batch across that point is known again', () => {
    const near = top - 2;
    const entry = new ProducerEntry(9, 0, 0);
    entry.batches.push({ firstSequence: near - 1, lastSequence: near - 1, lastOffset: 99, timestampMs: 0 });
    const partition = new Partition(newState());
    const transactions = { open: [], ended: [], aborted: [] };
    partition.state.loadSnapshot({ offset: 100, leaderEpoch: -1, entries: [entry], transactions });
    partition.endOffset = 100;
    const across = { producerId: 9, epoch: 0, sequence: near, count: 5 };
    expect(partition.send(across)).toBe('appended at 100');
    expect(partition.send(across)).toBe('duplicate 100..104');
    expect(partition.send({ producerId: 9, epoch: 0, sequence: 3, count: 1 })).toBe('appended at 105');
    expect(partition.send({ producerId: 9, epoch: 0, sequence: near - 9, count: 2 })).toBe('DUPLICATE_SEQUENCE_NUMBER');
    expect(partition.send({ producerId: 9, epoch: 0, sequence: 5, count: 2 })).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
  });

  test('a batch sent again after five others were appended is told to be in the log', () => {
    const partition = new Partition(newState());
    for (let sequence = 0; sequence < 6; sequence++) {
      partition.send({ producerId: 1, epoch: 0, sequence, count: 1 });
    }
    expect(partition.send({ producerId: 1, epoch: 0, sequence: 0, count: 1 })).toBe('DUPLICATE_SEQUENCE_NUMBER');
    expect(partition.send({ producerId: 1, epoch: 0, sequence: 1, count: 1 })).toBe('duplicate 1..1');
  });

  test('producers expire by the broker clock, not by the age of their records', () => {
    const state = newState({ expirationMs: 1000 });
    const old = { ...batchOf({ producerId: 1, epoch: 0, sequence: 0, count: 1 }, 0), maxTimestamp: 1 };
    expect(state.expire(at(500_000))).toBe(0);
    state.apply(old, 500_000);
    expect(state.expire(at(501_000))).toBe(0);
    expect(state.expire(at(501_001))).toBe(1);
    const next = batchOf({ producerId: 1, epoch: 0, sequence: 1, count: 1 }, 1);
    expect(() => state.check(next, 'client')).toThrow(expect.objectContaining({ code: 'UNKNOWN_PRODUCER_ID' }));
  });

  test('a wall clock that leaps forgets no producer: only silence that was lived through counts', () => {
    const state = newState({ expirationMs: 1000 });
    state.expire(at(500_000));
    state.apply(batchOf({ producerId: 1, epoch: 0, sequence: 0, count: 1 }, 0), 500_000);
    expect(state.expire({ wallMs: 900_000_000, monotonicMs: 500_400 })).toBe(0);
    expect(state.expire({ wallMs: 100, monotonicMs: 500_900 })).toBe(0);
    const again = batchOf({ producerId: 1, epoch: 0, sequence: 0, count: 1 }, 1);
    expect(state.check(again, 'client').kind).toBe('duplicate');
    expect(state.expire({ wallMs: 1101, monotonicMs: 501_901 })).toBe(1);
  });

  test('a leap that is measured in fractions of a millisecond leaves whole ones, as the wire has them', () => {
    const state = newState({ expirationMs: 1000 });
    state.expire({ wallMs: 500_000, monotonicMs: 12.25 });
    state.apply(batchOf({ producerId: 1, epoch: 0, sequence: 0, count: 1 }, 0), 500_000);
    expect(state.expire({ wallMs: 500_101, monotonicMs: 112.5 })).toBe(0);
    expect(state.producers().map(({ lastActivityMs }) => lastActivityMs)).toEqual([500_001]);
  });

  test('time in which nothing ran is no silence', () => {
    const before = newState({ expirationMs: 1000 });
    before.apply(batchOf({ producerId: 1, epoch: 0, sequence: 0, count: 1 }, 0), 500_000);
    const state = newState({ expirationMs: 1000 });
    state.loadSnapshot(before.snapshot());
    expect(state.expire({ wallMs: 900_000_000, monotonicMs: 3 })).toBe(0);
    expect(state.expire({ wallMs: 900_001_001, monotonicMs: 1004 })).toBe(1);
  });

  test('a control batch keeps its producer alive, raises its epoch and is not checked for a sequence', () => {
    const state = newState({ expirationMs: 1000 });
    state.apply(batchOf({ producerId: 1, epoch: 0, sequence: 0, count: 1 }, 0), 0);
    const marker = {
      ...batchOf({ producerId: 1, epoch: 1, sequence: 0, count: 1 }, 1),
      isControl: true,
      baseSequence: -1,
    };
    expect(state.check(marker, 'coordinator').kind).toBe('append');
    state.apply(marker, 900);
    expect(state.expire(at(1800))).toBe(0);
    const late = batchOf({ producerId: 1, epoch: 0, sequence: 1, count: 1 }, 2);
    expect(() => state.check(late, 'client')).toThrow(expect.objectContaining({ code: 'INVALID_PRODUCER_EPOCH' }));
    expect(state.check(late, 'replica').kind).toBe('append');
  });

  test('the number of producers is bounded: the silent ones go first', () => {
    const state = newState({ maxProducers: 32 });
    for (let id = 0; id < 100; id++) {
      state.apply(batchOf({ producerId: id, epoch: 0, sequence: 0, count: 1 }, id), id);
      expect(state.producerCount).toBeLessThanOrEqual(32);
    }
    const newest = batchOf({ producerId: 99, epoch: 0, sequence: 1, count: 1 }, 100);
    expect(state.check(newest, 'client').kind).toBe('append');
  });
});

describe('a producer snapshot', () => {
  test('with any bit flipped is refused', () => {
    const partition = new Partition(newState());
    for (let id = 1; id < 4; id++) partition.send({ producerId: id, epoch: id, sequence: 0, count: id });
    const bytes = encodeProducerSnapshot(partition.state.snapshot());
    expect(decodeProducerSnapshot(bytes)).toEqual(partition.state.snapshot());
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeProducerSnapshot(flipped)).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(decodeProducerSnapshot(bytes.subarray(0, length))).toBeUndefined();
    }
  });
});
