import { MillraceError } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AutoOffsetReset } from '../src/consumer-options.js';
import { Delivery } from '../src/delivery.js';
import { FetchCore, type FetchAnswer, type FetchPlan, type LocatePlan } from '../src/fetch-core.js';
import { batchAt, damaged, joined } from './fetched.js';

const oneNode = (): number => 1;

function newCore(autoOffsetReset: AutoOffsetReset = 'earliest', prefetchBytes = 1 << 20): FetchCore {
  return new FetchCore({
    autoOffsetReset,
    prefetchBytes,
    fetchMaxBytes: 1 << 20,
    partitionFetchMaxBytes: 4096,
    backoffMs: (failures) => 10 * failures,
  });
}

function deliveryOf(core: FetchCore): Delivery<Uint8Array | null, Uint8Array | null> {
  return new Delivery({
    commitBatch: () => Promise.resolve(),
    core,
    maxDecompressedBytes: 1 << 20,
    deserializers: { key: undefined, value: undefined },
    onRoom: () => undefined,
  });
}

const offsetsOf = (delivery: Delivery<Uint8Array | null, Uint8Array | null>): number[] => {
  const offsets: number[] = [];
  for (let record = delivery.record(); record !== undefined; record = delivery.record()) offsets.push(record.offset);
  return offsets;
};

const brought = (bytes: Uint8Array): FetchAnswer => ({ error: undefined, bytes, highWatermark: 1000 });
const refused = (code: string, retriable = false): FetchAnswer => ({
  error: new MillraceError(code, `model: ${code}.`, { retriable }),
  bytes: new Uint8Array(),
  highWatermark: -1,
});

describe('fetch core', () => {
  test('finds where a partition begins before it fetches', () => {
    const core = newCore();
    core.add('t', 0, 'beginning');
    core.add('t', 1, 'end');
    core.add('t', 2, { timestampMs: 77 });
    core.add('t', 3, { offset: 5 });
    const first = core.plan(0, oneNode);
    expect(first.locates[0]?.entries.map(({ timestamp }) => timestamp)).toEqual([-2, -1, 77]);
    expect(first.fetches[0]?.entries.map(({ fetchOffset }) => fetchOffset)).toEqual([5]);
    core.located(
      first.locates[0] as LocatePlan,
      [10, 20, -1].map((offset) => ({ error: undefined, offset })),
      0,
    );
    const second = core.plan(0, oneNode);
    expect(second.fetches[0]?.entries.map(({ fetchOffset }) => fetchOffset).sort()).toEqual([10, 20]);
    // No record is as young as the time asked for: the end it is.
    expect(second.locates[0]?.entries.map(({ timestamp }) => timestamp)).toEqual([-1]);
  });

  test('asks for the next bytes while the program works, until two fetches lie ahead', () => {
    const core = newCore();
    core.add('t', 0, { offset: 0 });
    const delivery = deliveryOf(core);
    let offset = 0;
    const fetch = (): boolean => {
      const [plan] = core.plan(0, oneNode).fetches;
      if (plan === undefined) return false;
      expect(plan.entries[0]?.fetchOffset).toBe(offset);
      core.fetched(plan, [brought(batchAt(offset, 300))], 0);
      offset += 300;
      return true;
    };
    expect([fetch(), fetch(), fetch()]).toEqual([true, true, false]);
    expect(delivery.record()?.offset).toBe(0);
    expect(fetch()).toBe(true);
    expect(fetch()).toBe(false);
    expect(offsetsOf(delivery)).toEqual(Array.from({ length: 899 }, (_, i) => i + 1));
  });

  test('fetches a busy partition while a long poll for quiet ones is out', () => {
    const core = newCore();
    for (const partition of [0, 1, 2]) core.add('t', partition, { offset: 0 });
    const [quiet] = core.plan(0, oneNode).fetches;
    expect(quiet?.entries).toHaveLength(3);
    core.add('t', 3, { offset: 0 });
    expect(core.plan(0, oneNode).fetches.map(({ entries }) => entries.length)).toEqual([1]);
  });

  test('drops what was fetched before a seek, and fetches anew at once', () => {
    const core = newCore();
    const state = core.add('t', 0, { offset: 0 });
    const [old] = core.plan(0, oneNode).fetches;
    state.seek({ offset: 100 });
    const [now] = core.plan(0, oneNode).fetches;
    expect(now?.entries[0]?.fetchOffset).toBe(100);
    core.fetched(old as FetchPlan, [brought(batchAt(0, 5))], 0);
    expect(core.plan(0, oneNode).fetches, 'the newer one is still out').toEqual([]);
    core.fetched(now as FetchPlan, [brought(batchAt(100, 1))], 0);
    expect(offsetsOf(deliveryOf(core))).toEqual([100]);
  });

  test('holds a paused partition back, keeps what was fetched, and goes on in order', () => {
    const core = newCore();
    const state = core.add('t', 0, { offset: 0 });
    const delivery = deliveryOf(core);
    core.fetched(core.plan(0, oneNode).fetches[0] as FetchPlan, [brought(batchAt(0, 4))], 0);
    expect([delivery.record()?.offset, delivery.record()?.offset]).toEqual([0, 1]);
    core.pause(state, true);
    delivery.putBack();
    expect([delivery.record(), core.plan(0, oneNode).fetches]).toEqual([undefined, []]);
    core.pause(state, false);
    expect(offsetsOf(delivery)).toEqual([2, 3]);
    expect(state.position).toBe(4);
  });

  test('serves partitions in turn', () => {
    const core = newCore();
    for (const partition of [0, 1]) core.add('t', partition, { offset: 0 });
    const [plan] = core.plan(0, oneNode).fetches;
    core.fetched(plan as FetchPlan, [brought(batchAt(0, 2)), brought(batchAt(0, 2))], 0);
    const again = core.plan(0, oneNode).fetches[0] as FetchPlan;
    core.fetched(
      again,
      again.entries.map(() => brought(batchAt(2, 2))),
      0,
    );
    const delivery = deliveryOf(core);
    const order: number[] = [];
    for (let record = delivery.record(); record !== undefined; record = delivery.record()) order.push(record.partition);
    expect(order).toEqual([0, 0, 1, 1, 0, 0, 1, 1]);
  });

  test('tries again later, and reports stale metadata, when the leader is another or cannot be reached', () => {
    const core = newCore();
    core.add('t', 0, { offset: 0 });
    core.fetched(core.plan(0, oneNode).fetches[0] as FetchPlan, [refused('NOT_LEADER_OR_FOLLOWER', true)], 0);
    expect(core.takeStaleTopics()).toEqual(['t']);
    expect(core.plan(5, oneNode)).toMatchObject({ fetches: [], wakeAtMs: 10 });
    const [again] = core.plan(10, oneNode).fetches;
    core.fetchFailed(again as FetchPlan, new MillraceError('NETWORK_EXCEPTION', 'cut', { retriable: true }), 10);
    expect(core.plan(29, oneNode).fetches).toEqual([]);
    expect(core.plan(30, oneNode).fetches).toHaveLength(1);
  });

  test.each([
    ['earliest', -2],
    ['latest', -1],
  ] as const)('goes to the %s offset when its position is not in the log', (policy, timestamp) => {
    const core = newCore(policy);
    core.add('t', 0, { offset: 5 });
    core.fetched(core.plan(0, oneNode).fetches[0] as FetchPlan, [refused('OFFSET_OUT_OF_RANGE')], 0);
    expect(core.plan(0, oneNode).locates[0]?.entries[0]?.timestamp).toBe(timestamp);
  });

  test('delivers what it has before it goes elsewhere', () => {
    const core = newCore('latest');
    core.add('t', 0, { offset: 0 });
    core.fetched(core.plan(0, oneNode).fetches[0] as FetchPlan, [brought(batchAt(0, 3))], 0);
    core.fetched(core.plan(0, oneNode).fetches[0] as FetchPlan, [refused('OFFSET_OUT_OF_RANGE')], 0);
    expect(core.plan(0, oneNode)).toMatchObject({ fetches: [], locates: [] });
    expect(offsetsOf(deliveryOf(core))).toEqual([0, 1, 2]);
    expect(core.plan(0, oneNode).locates).toHaveLength(1);
  });

  test('with policy error it stops the partition, says so once, and goes on after a seek', () => {
    const core = newCore('error');
    const state = core.add('t', 0, { offset: 5 });
    core.add('t', 1, { offset: 0 });
    const [plan] = core.plan(0, oneNode).fetches;
    core.fetched(plan as FetchPlan, [refused('OFFSET_OUT_OF_RANGE'), brought(batchAt(0, 1))], 0);
    const delivery = deliveryOf(core);
    expect(() => delivery.record()).toThrow(
      expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE', topic: 't', partition: 0, offset: 5 }),
    );
    expect(offsetsOf(delivery), 'the other partition is not affected').toEqual([0]);
    expect(core.plan(0, oneNode).fetches[0]?.entries.map(({ state: { partition } }) => partition)).toEqual([1]);
    state.seek('beginning');
    expect(core.plan(0, oneNode).locates).toHaveLength(1);
  });

  test('delivers what came before a corrupt batch, then stops the partition without asking again', () => {
    const core = newCore();
    const state = core.add('t', 0, { offset: 0 });
    const bytes = joined(batchAt(0, 2), damaged(batchAt(2, 2), 70));
    core.fetched(core.plan(0, oneNode).fetches[0] as FetchPlan, [brought(bytes)], 0);
    const delivery = deliveryOf(core);
    expect([delivery.record()?.offset, delivery.record()?.offset]).toEqual([0, 1]);
    expect(() => delivery.record()).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE', offset: 2, nextOffset: 4 }),
    );
    expect([delivery.record(), core.plan(1e9, oneNode).fetches]).toEqual([undefined, []]);
    state.seek({ offset: 4 });
    expect(core.plan(0, oneNode).fetches[0]?.entries[0]?.fetchOffset).toBe(4);
  });

  test('reads what a group means and no other topic that has its name later', () => {
    const core = newCore();
    const state = core.add('t', 0, { offset: 50 }, 'first');
    core.noteTopicId(state, 'second');
    const other = core.plan(0, oneNode, () => 'second');
    expect([other.fetches, other.locates, core.takeStaleTopics()]).toEqual([[], [], ['t']]);
    expect(other.wakeAtMs).toBeLessThan(Infinity);
    expect(state.position).toBe(50);
    const [fetch] = core.plan(other.wakeAtMs, oneNode, () => 'first').fetches;
    expect(fetch?.entries[0]?.fetchOffset).toBe(50);
  });

  test('starts over in a topic that was deleted and created again', () => {
    const core = newCore();
    const state = core.add('t', 0, { offset: 50 });
    core.noteTopicId(state, 'first');
    expect(state.position).toBe(50);
    core.noteTopicId(state, 'second');
    expect(core.plan(0, oneNode).locates[0]?.entries[0]?.timestamp).toBe(-2);
  });
});

test('whatever leaders answer, records come in order, each once, in bounded memory', () => {
  const event = fc.record({
    kind: fc.constantFrom(
      'data',
      'data',
      'data',
      'empty',
      'moved',
      'failed',
      'read',
      'read',
      'pause',
      'resume',
      'seek',
    ),
    partition: fc.nat(2),
    size: fc.integer({ min: 1, max: 60 }),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 150 }), (events) => {
      const prefetchBytes = 64 * 1024;
      const core = newCore('earliest', prefetchBytes);
      const states = [0, 1, 2].map((partition) => core.add('t', partition, { offset: 0 }));
      const delivery = deliveryOf(core);
      const expected = [0, 0, 0];
      const inFlight: FetchPlan[] = [];
      let nowMs = 0;
      const readSome = (count: number): void => {
        for (let i = 0; i < count; i++) {
          const record = delivery.record();
          if (record === undefined) return;
          expect(record.offset).toBe(expected[record.partition]);
          expect(states[record.partition]?.isPaused).toBe(false);
          expected[record.partition] = record.offset + 1;
          expect(states[record.partition]?.position).toBe(record.offset + 1);
        }
      };
      for (const { kind, partition, size } of events) {
        nowMs += 20;
        inFlight.push(...core.plan(nowMs, (_, p) => p % 2).fetches);
        const asked = inFlight.flatMap(({ entries }) => entries).filter((e) => e.generation === e.state.generation);
        expect(new Set(asked.map(({ state }) => state.partition)).size, 'one request a partition').toBe(asked.length);
        const state = states[partition]!;
        if (kind === 'read') readSome(size);
        else if (kind === 'pause') {
          core.pause(state, true);
          if (delivery.isReading(state)) delivery.putBack();
        } else if (kind === 'resume') core.pause(state, false);
        else if (kind === 'seek') {
          state.seek({ offset: size });
          expected[partition] = size;
        } else {
          const plan = inFlight.splice(partition % Math.max(1, inFlight.length), 1)[0];
          if (plan === undefined) continue;
          if (kind === 'failed')
            core.fetchFailed(plan, new MillraceError('NETWORK_EXCEPTION', 'x', { retriable: true }), nowMs);
          else {
            const answers = plan.entries.map(({ fetchOffset }) => {
              if (kind === 'moved') return refused('NOT_LEADER_OR_FOLLOWER', true);
              if (kind === 'empty') return brought(new Uint8Array());
              // A batch that begins before the wanted offset, as batches on disk do.
              const start = Math.max(0, fetchOffset - (size % 3));
              return brought(joined(batchAt(start, size + 3), batchAt(start + size + 3, 2)));
            });
            core.fetched(plan, answers, nowMs);
          }
        }
        expect(core.bufferedBytes).toBeLessThan(prefetchBytes);
      }
      for (const state of states) core.pause(state, false);
      readSome(Infinity);
      expect(states.every((state) => state.bufferedBytes === 0)).toBe(true);
    }),
    { numRuns: 300 },
  );
});
