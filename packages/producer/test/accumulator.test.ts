import { ManualClock } from '@millrace/testkit';
import { recordsOf } from '@millrace/record';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Accumulator } from '../src/accumulator.js';
import { FlushTracker } from '../src/flush-tracker.js';
import type { PartitionBuffer } from '../src/partition-buffer.js';
import type { ProducerBatch } from '../src/producer-batch.js';
import { TopicBuffer } from '../src/topic-buffer.js';

const settings = {
  acks: -1,
  batchBytes: 300,
  maxRequestBytes: 1000,
  bufferMemoryBytes: 2000,
  deliveryTimeoutMs: 1000,
} as const;

function setUp(lingerMs = 0): {
  clock: ManualClock;
  flushes: FlushTracker;
  accumulator: Accumulator;
  buffer: PartitionBuffer;
  topic: TopicBuffer;
} {
  const clock = new ManualClock();
  const flushes = new FlushTracker();
  const accumulator = new Accumulator(settings, clock, flushes);
  const topic = new TopicBuffer('t', {
    lingerMs,
    flushes,
    window: { idempotent: true, transactional: false, maxInFlight: 5 },
  });
  topic.update([0, -1]);
  return { clock, flushes, accumulator, topic, buffer: topic.buffer(0) as PartitionBuffer };
}

/** Batches may be many times as large as what a writer begins with; half of 256 KiB is kept for the next ones. */
function setUpLarge(): {
  accumulator: Accumulator;
  topic: TopicBuffer;
  next: (partition: number, value: string) => ProducerBatch;
} {
  const { clock, flushes, topic } = setUp();
  const large = { ...settings, batchBytes: 64 * 1024, maxRequestBytes: 64 * 1024, bufferMemoryBytes: 256 * 1024 };
  const accumulator = new Accumulator(large, clock, flushes);
  const next = (partition: number, value: string): ProducerBatch => {
    const buffer = topic.requireBuffer(partition);
    accumulator.append(buffer, null, value, undefined, 1);
    return buffer.take();
  };
  return { accumulator, topic, next };
}

const values = (batch: ProducerBatch): string[] =>
  [...recordsOf(batch.encode('none', false), { maxDecompressedBytes: 1 << 20 })].map(({ value }) => String(value));

describe('accumulator', () => {
  test('fills one batch after the other and gives them out in order', () => {
    const { accumulator, buffer, topic, clock } = setUp();
    for (let i = 0; i < 10; i++) accumulator.append(buffer, null, `${i}`.repeat(100), undefined, 1);
    const taken: string[] = [];
    while (buffer.peek(clock.monotonicMs()) !== undefined) taken.push(...values(buffer.take()));
    expect(taken.map((value) => value[0])).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(topic.closedBatches).toBe(5);
  });

  test('lets a batch linger until its time, its size, a flush or a lack of room', () => {
    const { accumulator, buffer, clock, flushes } = setUp(20);
    accumulator.append(buffer, null, 'a', undefined, 1);
    expect(buffer.peek(clock.monotonicMs())).toBeUndefined();
    expect(buffer.readyAtMs()).toBe(clock.monotonicMs() + 20);
    clock.advance(20);
    expect(values(buffer.peek(clock.monotonicMs())!)).toEqual(['a']);
    buffer.take();

    accumulator.append(buffer, null, 'b'.repeat(200), undefined, 1);
    expect(buffer.peek(clock.monotonicMs())).toBeUndefined();
    accumulator.append(buffer, null, 'c'.repeat(200), undefined, 1);
    expect(buffer.peek(clock.monotonicMs())).toBeDefined();
    buffer.take();

    expect(buffer.peek(clock.monotonicMs())).toBeUndefined();
    flushes.isRoomWanted = true;
    expect(buffer.peek(clock.monotonicMs())).toBeDefined();
    flushes.isRoomWanted = false;
    void flushes.flush();
    expect(buffer.peek(clock.monotonicMs())).toBeDefined();
  });

  test('gives a record that is larger than a batch a batch of its own', () => {
    const { accumulator, buffer } = setUp();
    accumulator.append(buffer, null, 'small', undefined, 1);
    accumulator.append(buffer, null, 'x'.repeat(800), undefined, 1);
    accumulator.append(buffer, null, 'after', undefined, 1);
    expect([buffer.take(), buffer.take(), buffer.take()].map((batch) => values(batch)[0]?.length)).toEqual([5, 800, 5]);
  });

  test('refuses a record that no request can carry, says its size, and changes nothing', () => {
    const { accumulator, buffer } = setUp();
    accumulator.append(buffer, null, 'kept', undefined, 1);
    const used = accumulator.usedBytes;
    expect(() => accumulator.append(buffer, 'k', 'é'.repeat(500), undefined, 1)).toThrow(
      expect.objectContaining({
        code: 'RECORD_TOO_LARGE',
        message: expect.stringMatching(/1001 bytes.*1000 bytes/) as string,
      }),
    );
    expect(accumulator.usedBytes).toBe(used);
    expect(values(buffer.take())).toEqual(['kept']);
  });

  test('never holds more than its bound, and nothing once every batch is released', () => {
    const size = fc.integer({ min: 0, max: 900 });
    fc.assert(
      fc.property(fc.array(fc.oneof(size, fc.constant('release' as const)), { maxLength: 200 }), (steps) => {
        const { accumulator, buffer } = setUp();
        const taken: ProducerBatch[] = [];
        for (const step of steps) {
          if (step === 'release') {
            const batch = buffer.oldest() === undefined ? undefined : buffer.take();
            if (batch !== undefined) taken.push(batch);
            const released = taken.shift();
            if (released !== undefined) accumulator.release(released);
          } else if (accumulator.hasRoom(step)) {
            accumulator.append(buffer, null, 'v'.repeat(step), undefined, 1);
          }
          // A bound on keys and values; a batch's header and the framing of one record come on top.
          expect(accumulator.usedBytes).toBeLessThanOrEqual(settings.bufferMemoryBytes + 61 + 20);
        }
        while (buffer.oldest() !== undefined) taken.push(buffer.take());
        for (const batch of taken) accumulator.release(batch);
        expect([accumulator.usedBytes, accumulator.recordCount]).toEqual([0, 0]);
      }),
      { numRuns: 200 },
    );
  });

  test('uses the memory of a batch again only when nothing else can hold it', () => {
    const { accumulator, buffer } = setUp();
    const next = (): ProducerBatch => {
      accumulator.append(buffer, null, 'v', undefined, 1);
      return buffer.take();
    };
    const first = next();
    const { writer } = first;
    accumulator.release(first);
    const second = next();
    expect(second.writer).toBe(writer);
    second.wasUnanswered = true;
    accumulator.release(second);
    const third = next();
    expect(third.writer).not.toBe(writer);
    third.inFlight = true;
    const inFlight = third.writer;
    accumulator.release(third);
    expect(next().writer).not.toBe(inFlight);
  });

  test('keeps the memory of many small batches where a few large ones would fill what may be kept', () => {
    const { accumulator, topic, next } = setUpLarge();
    topic.update(Array.from({ length: 20 }, () => 0));
    const small = Array.from({ length: 20 }, (_, partition) => next(partition, 'v'));
    const writers = new Set(small.map(({ writer }) => writer));
    for (const batch of small) accumulator.release(batch);
    const again = Array.from({ length: 20 }, (_, partition) => next(partition, 'v').writer);
    expect(again.filter((writer) => writers.has(writer))).toHaveLength(20);
  });

  test('keeps no more memory for the next batches than half of its bound', () => {
    const { accumulator, topic, next } = setUpLarge();
    topic.update(Array.from({ length: 4 }, () => 0));
    const large = Array.from({ length: 4 }, (_, partition) => next(partition, 'v'.repeat(60_000)));
    const writers = large.map(({ writer }) => writer);
    for (const batch of large) accumulator.release(batch);
    const kept = Array.from({ length: 4 }, (_, partition) => next(partition, 'v').writer);
    expect(kept.filter((writer) => writers.includes(writer))).toHaveLength(2);
  });

  test('splits a batch into halves that hold its records in order', () => {
    const { accumulator, buffer } = setUp();
    for (let i = 0; i < 5; i++) accumulator.append(buffer, `k${i}`, `v${i}`, [['h', `${i}`]], 100 + i);
    const halves = accumulator.split(buffer.take());
    expect(halves?.map(values)).toEqual([
      ['v0', 'v1'],
      ['v2', 'v3', 'v4'],
    ]);
    const [first] = recordsOf(halves![1].encode('gzip', false), { maxDecompressedBytes: 1000 });
    expect([first?.timestampMs, String(first?.key), String(first?.headers[0]?.[1])]).toEqual([102, 'k2', '2']);
    for (const half of halves!) accumulator.release(half);
    expect(accumulator.usedBytes).toBe(0);
  });
});

describe('flush', () => {
  test('waits for all that was accepted before it, and for nothing accepted after', async () => {
    const { accumulator, buffer, flushes } = setUp();
    const settle = (batch: ProducerBatch): void => flushes.resolved(batch.generation, batch.recordCount);
    accumulator.append(buffer, null, 'before', undefined, 1);
    const before = buffer.take();
    let flushed = false;
    const flush = flushes.flush().then(() => (flushed = true));
    accumulator.append(buffer, null, 'after', undefined, 1);
    await Promise.resolve();
    expect(flushed).toBe(false);
    settle(before);
    await flush;
    expect(flushes.isUrgent).toBe(false);
    settle(buffer.take());
    await flushes.flush();
  });
});
