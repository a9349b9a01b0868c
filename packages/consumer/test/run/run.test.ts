import { describe, expect, test } from 'vitest';
import type { CallbackFailure, ConsumerRecord } from '../../src/index.js';
import { committedOf, soon, testNode, until } from '../test-node.js';

const node = testNode({ 'group.consumer.heartbeat.interval.ms': 200, 'group.consumer.session.timeout.ms': 3000 });

const text = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString();

/** Lets go of what waits for it, one name at a time. */
class Gates {
  readonly #open = new Map<string, () => void>();

  wait(name: string): Promise<void> {
    return new Promise((resolve) => this.#open.set(name, resolve));
  }

  get names(): string[] {
    return [...this.#open.keys()].sort();
  }

  open(name: string): void {
    this.#open.get(name)?.();
    this.#open.delete(name);
  }
}

describe('run in order of keys', () => {
  test('works on more records of one partition at once than a partition can, in order within each key', async () => {
    const topic = await node.topicWith(0);
    await node.add(topic, 400, { keys: 20 });
    await using consumer = node.member(topic);
    const seen = new Map<string, number[]>();
    let running = 0;
    let most = 0;
    let count = 0;
    const running20 = consumer.run({
      order: 'key',
      concurrency: 8,
      eachRecord: async ({ key, offset }) => {
        running += 1;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, offset % 3));
        seen.set(text(key), [...(seen.get(text(key)) ?? []), offset]);
        running -= 1;
        count += 1;
      },
    });
    await until(() => count === 400);
    await until(async () => (await committedOf(consumer, topic)) === 400);
    const { workers, unfinishedRecords } = consumer.stats();
    await consumer.close();
    await running20;
    expect(most).toBe(8);
    expect(unfinishedRecords).toBe(0);
    expect(workers).toHaveLength(8);
    expect(workers.reduce((sum, { records }) => sum + records, 0)).toBe(400);
    expect(workers.every(({ records, busyMs, inFlight }) => records > 20 && busyMs > 0 && inFlight === undefined)).toBe(
      true,
    );
    const offsetsOfKey = (key: number): number[] => Array.from({ length: 20 }, (_, index) => key + 20 * index);
    for (let key = 0; key < 20; key++) expect(seen.get(`k${key}`)).toEqual(offsetsOfKey(key));
    expect(seen.size).toBe(20);
  });

  test('commits nothing past a record that is not finished, and stops reading on in its partition', async () => {
    const topic = await node.topicWith(0, 2);
    for (const partition of [0, 1]) await node.add(topic, 500, { keys: 50, partition });
    await using consumer = node.member(topic, { autoCommitIntervalMs: 5 });
    const gates = new Gates();
    let count = 0;
    const running = consumer.run({
      order: 'key',
      concurrency: 4,
      maxUnfinishedRecords: 200,
      eachRecord: ({ partition, offset }) => {
        count += 1;
        return partition === 0 && offset === 7 ? gates.wait('stuck') : undefined;
      },
    });
    // All of the other partition, and the share of this one from the first unfinished record, less its key.
    await until(async () => (await committedOf(consumer, topic, 1)) === 500);
    await until(async () => (await committedOf(consumer, topic, 0)) === 7);
    await consumer.commit();
    expect(await committedOf(consumer, topic, 0)).toBe(7);
    expect(count).toBe(500 + 7 + 100 - 1);
    expect(consumer.stats().unfinishedRecords).toBe(100);
    expect(consumer.stats().workers.flatMap(({ inFlight }) => inFlight ?? [])).toEqual([
      { topic, partition: 0, offset: 7 },
    ]);
    gates.open('stuck');
    await until(async () => (await committedOf(consumer, topic, 0)) === 500);
    expect(count).toBe(1000);
    await consumer.close();
    await running;
  });

  test('hands a partition over without a gap and without repeating anything', async () => {
    const topic = await node.topicWith(0, 2);
    for (const partition of [0, 1]) await node.add(topic, 1000, { keys: 30, partition });
    const seen: string[] = [];
    const eachRecord = async ({ partition, offset }: ConsumerRecord): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, (offset * 7) % 5));
      seen.push(`${partition}:${offset}`);
    };
    const options = { order: 'key', concurrency: 6, eachRecord } as const;
    const first = node.member(topic);
    const running = [first.run(options)];
    await until(() => seen.length > 200);
    const second = node.member(topic);
    running.push(second.run(options));
    await until(() => second.assignment().length === 1);
    await until(() => seen.length > 1000);
    await first.close();
    await until(() => seen.length >= 2000);
    await second.close();
    await Promise.all(running);
    expect(seen).toHaveLength(2000);
    expect(new Set(seen).size).toBe(2000);
  });

  test('goes on after it was ended, at the first record that is not finished', async () => {
    const topic = await node.topicWith(0);
    await node.add(topic, 100, { keys: 10 });
    await using consumer = node.consumer({ topics: [topic], from: 'beginning' });
    const seen: number[] = [];
    const stop = new AbortController();
    const eachRecord = async ({ offset }: ConsumerRecord): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, (offset * 3) % 4));
      seen.push(offset);
      if (seen.length === 40) stop.abort(new Error('enough'));
    };
    const run = { order: 'key', concurrency: 5, eachRecord } as const;
    await expect(consumer.run({ ...run, signal: stop.signal })).rejects.toThrow('enough');
    const running = consumer.run(run);
    await until(() => seen.length >= 100);
    await consumer.close();
    await running;
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, offset) => offset));
  });

  test('a seek in the middle counts, and what was read before it does not', async () => {
    const topic = await node.topicWith(0);
    await node.add(topic, 50, { keys: 10 });
    await using consumer = node.member(topic, { autoCommitIntervalMs: 5 });
    const gates = new Gates();
    const seen: number[] = [];
    const running = consumer.run({
      order: 'key',
      concurrency: 2,
      eachRecord: ({ offset }) => {
        seen.push(offset);
        return offset === 0 ? gates.wait('first') : undefined;
      },
    });
    await until(() => seen.length > 40);
    consumer.seek({ topic, partition: 0 }, { offset: 45 });
    seen.length = 0;
    await until(async () => (await committedOf(consumer, topic)) === 50);
    expect(seen).toEqual([45, 46, 47, 48, 49]);
    gates.open('first');
    await consumer.close();
    await running;
  });
});

describe('a callback that fails', () => {
  const fails = (offsets: readonly number[], times = Infinity) => {
    const counts = new Map<number, number>();
    return ({ offset }: ConsumerRecord): void => {
      const count = (counts.get(offset) ?? 0) + 1;
      counts.set(offset, count);
      if (offsets.includes(offset) && count <= times) throw new Error(`cannot ${offset}`);
    };
  };

  test.each(['partition', 'key'] as const)('ends run by default, and its record comes again (%s)', async (order) => {
    const topic = await node.topicWith(10);
    await using consumer = node.member(topic);
    await expect(consumer.run({ order, eachRecord: fails([4]) })).rejects.toThrow('cannot 4');
    const seen: number[] = [];
    const running = consumer.run({ order, eachRecord: ({ offset }) => void seen.push(offset) });
    await until(() => seen.length === 6);
    await consumer.close();
    await running;
    expect(seen).toEqual([4, 5, 6, 7, 8, 9]);
  });

  test.each(['partition', 'key'] as const)('is skipped, or tried again until it succeeds (%s)', async (order) => {
    const topic = await node.topicWith(10);
    await using consumer = node.member(topic);
    const failures: string[] = [];
    const fail = fails([3, 6], 2);
    const seen: number[] = [];
    const running = consumer.run({
      order,
      retryBackoffMs: 1,
      eachRecord: (record) => {
        fail(record);
        seen.push(record.offset);
      },
      onError: ({ record, attempt }: CallbackFailure) => {
        failures.push(`${record?.offset} attempt ${attempt}`);
        return record?.offset === 6 ? 'skip' : 'retry';
      },
    });
    await until(async () => (await committedOf(consumer, topic)) === 10);
    expect(consumer.stats().workers).toMatchObject([{ records: 10, failures: 3, skipped: 1 }]);
    await consumer.close();
    await running;
    expect(seen).toEqual([0, 1, 2, 3, 4, 5, 7, 8, 9]);
    expect(failures).toEqual(['3 attempt 1', '3 attempt 2', '6 attempt 1']);
  });

  test('is not waited for when the consumer closes while it would be tried again for ever', async () => {
    const topic = await node.topicWith(10);
    const consumer = node.member(topic);
    const running = consumer.run({ eachRecord: fails([5]), onError: 'retry', retryBackoffMs: 60_000 });
    await until(() => consumer.stats().workers[0]?.failures === 1);
    await consumer.close();
    await running;
    await using next = node.member(topic);
    expect(await committedOf(next, topic)).toBe(5);
  });

  test('as a batch is tried again as a whole', async () => {
    const topic = await node.topicWith(10);
    await using consumer = node.member(topic);
    let attempts = 0;
    const running = consumer.run({
      retryBackoffMs: 1,
      onError: 'retry',
      eachBatch: (batch) => {
        attempts += 1;
        if (attempts < 3) {
          batch.release();
          throw new Error('not yet');
        }
        expect([...batch]).toHaveLength(10);
      },
    });
    await until(async () => (await committedOf(consumer, topic)) === 10);
    await consumer.close();
    await running;
    expect(attempts).toBe(3);
  });

  test('with an answer of onError that is none ends run and says so', async () => {
    const topic = await node.topicWith(1);
    await using consumer = node.member(topic);
    const onError = (): never => 'again' as never;
    await expect(consumer.run({ eachRecord: fails([0]), onError })).rejects.toThrow(/onError answered again/);
  });
});

test.each(['partition', 'key'] as const)(
  'one callback that hangs ends run with a clear error; the work of the others is committed (%s)',
  async (order) => {
    const topic = await node.topicWith(0, 2);
    for (const partition of [0, 1]) await node.add(topic, 100, { keys: 10, partition });
    await using first = node.member(topic, { maxPollIntervalMs: 2000, autoCommitIntervalMs: 60_000 });
    let count = 0;
    const running = first.run({
      order,
      concurrency: 2,
      eachRecord: async ({ partition, offset }) => {
        if (partition === 0 && offset === 3) await new Promise(() => undefined);
        // The other one is never idle, and that does not help.
        await new Promise((resolve) => setTimeout(resolve, 10));
        count += 1;
      },
    });
    await expect(running).rejects.toMatchObject({
      code: 'MAX_POLL_INTERVAL_EXCEEDED',
      message: expect.stringMatching(new RegExp(`offset 3 of ${topic}-0 has run for 2000 ms`)) as string,
    });
    expect(count).toBeGreaterThan(3);
    expect(first.assignment()).toEqual([]);
    expect(await committedOf(first, topic, 0)).toBe(3);
    expect(await committedOf(first, topic, 1)).toBeGreaterThan(0);
    // Its partitions are free at once.
    await using second = node.member(topic);
    const seen = new Set<number>();
    const others = second.run({ eachRecord: ({ partition, offset }) => void (partition === 0 && seen.add(offset)) });
    await until(() => seen.size === 97);
    await second.close();
    await others;
  },
);

test('commits as soon as so many records are processed', async () => {
  const topic = await node.topicWith(10);
  await using consumer = node.member(topic, { autoCommitIntervalMs: 60_000, autoCommitRecords: 4 });
  for await (const record of consumer.records(soon())) {
    if (record.offset === 4) break;
  }
  await until(async () => (await committedOf(consumer, topic)) === 4);
});

test('options that make no sense are refused', async () => {
  await using consumer = node.consumer({ assignments: [] });
  const eachRecord = (): void => undefined;
  await expect(consumer.run({ order: 'key', eachBatch: eachRecord })).rejects.toThrow(/goes with eachRecord/);
  await expect(consumer.run({ eachRecord, order: 'any' as never })).rejects.toThrow(/partition or key/);
  await expect(consumer.run({ eachRecord, onError: 'ignore' as never })).rejects.toThrow(/stop, skip, retry/);
  await expect(consumer.run({ eachRecord, maxUnfinishedRecords: 0 })).rejects.toThrow(/whole number from 1/);
});
