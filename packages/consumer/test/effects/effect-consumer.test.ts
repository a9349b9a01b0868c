import { describe, expect, test } from 'vitest';
import { EffectConsumer, type EffectKey, type EffectPosition, type EffectStore } from '../../src/index.js';
import { committedOf, testNode, until } from '../test-node.js';

const node = testNode({ 'group.consumer.heartbeat.interval.ms': 200, 'group.consumer.session.timeout.ms': 3000 });

type Tables = { readonly positions: Map<string, EffectPosition>; readonly effects: string[] };

/** Tables in memory: one transaction after the other, on a copy that takes the place of the tables when it commits. */
class MemoryStore implements EffectStore<Tables> {
  tables: Tables = { positions: new Map(), effects: [] };
  transactions = 0;
  #last: Promise<unknown> = Promise.resolve();

  transaction<Result>(work: (tables: Tables) => Promise<Result>): Promise<Result> {
    const result = this.#last.then(async () => {
      const { positions, effects } = this.tables;
      const copy = { positions: new Map(positions), effects: [...effects] };
      const value = await work(copy);
      this.tables = copy;
      this.transactions += 1;
      return value;
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  read({ positions }: Tables, key: EffectKey): EffectPosition | undefined {
    return positions.get(nameOf(key));
  }

  write({ positions }: Tables, key: EffectKey, position: EffectPosition): void {
    positions.set(nameOf(key), position);
  }
}

const nameOf = ({ group, topic, partition }: EffectKey): string => `${group} ${topic}-${partition}`;

function effectsInto(store: MemoryStore, topic: string, fails?: (offset: number) => boolean) {
  return new EffectConsumer<Tables>({
    consumer: { bootstrap: node.bootstrap, group: `group-${topic}`, topics: [topic], from: 'beginning' },
    store,
    recordsPerTransaction: 7,
    retryBackoffMs: 1,
    onError: 'retry',
    eachRecord: ({ partition, offset }, { effects }) => {
      effects.push(`${partition}:${offset}`);
      if (fails?.(offset) === true) throw new Error(`no ${offset}`);
    },
  });
}

const all = (partitions: number, count: number): string[] =>
  Array.from({ length: partitions * count }, (_, index) => `${Math.floor(index / count)}:${index % count}`);

describe('effects', () => {
  test('happen once for each record, in groups, though transactions fail and members come and go', async () => {
    const topic = await node.topicWith(100, 2);
    const store = new MemoryStore();
    let failures = 5;
    const first = effectsInto(store, topic, (offset) => offset % 10 === 3 && failures-- > 0);
    const running = [first.run()];
    await until(() => store.tables.effects.length === 200);
    // Two claims, and every started group of seven.
    expect(store.transactions).toBeLessThanOrEqual(2 + 2 * Math.ceil(100 / 7) + 5);
    await using watcher = node.member(topic, { group: `group-${topic}` });
    await until(async () => (await committedOf(watcher, topic, 0)) === 100);
    const second = effectsInto(store, topic);
    running.push(second.run());
    await until(() => second.assignment().length === 1);
    for (const partition of [0, 1]) await node.add(topic, 50, { partition, from: 100 });
    await until(() => store.tables.effects.length === 300);
    await first.close();
    for (const partition of [0, 1]) await node.add(topic, 50, { partition, from: 150 });
    await until(() => store.tables.effects.length === 400);
    await second.close();
    await Promise.all(running);
    expect(store.tables.effects.toSorted()).toEqual(all(2, 200).toSorted());
    expect(first.stats().applied + second.stats().applied).toBe(400);
  });

  test('begin where the database is, whatever the group has committed', async () => {
    const topic = await node.topicWith(20);
    const store = new MemoryStore();
    store.tables.positions.set(`group-${topic} ${topic}-0`, { epoch: 0, offset: 15 });
    await using effects = effectsInto(store, topic);
    const running = effects.run();
    await until(() => store.tables.effects.length === 5);
    expect(store.tables.effects[0]).toBe('0:15');
    await effects.close();
    await running;
  });

  test('are told to the group when they come, though there is nothing more to do: lag follows the database', async () => {
    const topic = await node.topicWith(20);
    const store = new MemoryStore();
    // Its process was killed between the transaction and the commit.
    store.tables.positions.set(`group-${topic} ${topic}-0`, { epoch: 0, offset: 20 });
    await using effects = effectsInto(store, topic);
    const running = effects.run();
    await using watcher = node.member(topic, { group: `group-${topic}` });
    await until(async () => (await committedOf(watcher, topic, 0)) === 20);
    await effects.close();
    await running;
    expect(store.tables.effects).toEqual([]);
  });

  test('of an owner that another has overtaken are rolled back, and it waits until it hears of it', async () => {
    const topic = await node.topicWith(20);
    const store = new MemoryStore();
    await using effects = effectsInto(store, topic);
    const running = effects.run();
    await until(() => store.tables.effects.length === 20);
    // A newer owner, of which the group tells this one later.
    const name = `group-${topic} ${topic}-0`;
    store.tables.positions.set(name, { epoch: 99, offset: 22 });
    await node.add(topic, 5, { from: 20 });
    await until(() => effects.stats().fenced === 1);
    expect(store.tables.effects).toHaveLength(20);
    expect(store.tables.positions.get(name)).toEqual({ epoch: 99, offset: 22 });
    await effects.close();
    await running;
  });

  test('of an owner that comes too late are not even begun', async () => {
    const topic = await node.topicWith(5);
    const store = new MemoryStore();
    store.tables.positions.set(`group-${topic} ${topic}-0`, { epoch: 1_000_000, offset: 2 });
    await using effects = effectsInto(store, topic);
    await expect(effects.run()).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    await expect(effects.run()).rejects.toMatchObject({ code: 'FENCED_MEMBER_EPOCH' });
    expect(store.tables.effects).toEqual([]);
  });
});

test('exactly-once commits nothing by itself, and refuses what contradicts it', async () => {
  const topic = await node.topicWith(5);
  await using consumer = node.member(topic, { delivery: 'exactly-once' });
  let count = 0;
  const running = consumer.run({ eachRecord: () => void (count += 1) });
  await until(() => count === 5);
  await consumer.close();
  await running;
  await using watcher = node.member(topic);
  expect(await committedOf(watcher, topic)).toBeUndefined();
  expect(() => node.member(topic, { delivery: 'exactly-once', autoCommit: true })).toThrow(/autoCommit cannot be on/);
  expect(() => node.member(topic, { delivery: 'exactly-once', isolation: 'read-uncommitted' })).toThrow(/isolation/);
});
