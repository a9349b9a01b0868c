import { describe, expect, test } from 'vitest';
import { Consumer, type ConsumerBatch, type ConsumerRecord, type TopicPartition } from '../../src/index.js';
import { committedOf, offsetsOf, soon, take, testNode, until } from '../test-node.js';

const node = testNode({ 'group.consumer.heartbeat.interval.ms': 200, 'group.consumer.session.timeout.ms': 3000 });

const indexesOf = (partitions: readonly TopicPartition[]): number[] =>
  partitions.map(({ partition }) => partition).sort();

describe('committed offsets', () => {
  test('a member reads from where nothing is committed as told, and the next one goes on from what was committed', async () => {
    const topic = await node.topicWith(10);
    const first = node.member(topic, { autoCommit: false });
    expect(offsetsOf(await take(first, 4))).toEqual([0, 1, 2, 3]);
    await first.commit();
    await first.close();
    await using second = node.member(topic, { from: 'end' });
    expect(offsetsOf(await take(second, 2))).toEqual([4, 5]);
  });

  test('without a commit the next member gets the same records again', async () => {
    const topic = await node.topicWith(3);
    const first = node.member(topic, { autoCommit: false });
    expect(offsetsOf(await take(first, 3))).toEqual([0, 1, 2]);
    await first.close();
    await using second = node.member(topic);
    expect(offsetsOf(await take(second, 3))).toEqual([0, 1, 2]);
  });

  test('closing commits what is processed: the record in hand when the loop was left is not', async () => {
    const topic = await node.topicWith(10);
    const first = node.member(topic, { autoCommitIntervalMs: 60_000 });
    expect(offsetsOf(await take(first, 4))).toEqual([0, 1, 2, 3]);
    await first.close();
    await using second = node.member(topic);
    expect(offsetsOf(await take(second, 1))).toEqual([3]);
  });

  test('are committed on an interval while the program goes on', async () => {
    const topic = await node.topicWith(10);
    await using consumer = node.member(topic);
    let seen: number | undefined;
    for await (const { offset } of consumer.records(soon())) {
      if (offset < 5) continue;
      await until(async () => (await committedOf(consumer, topic)) === 5);
      seen = await committedOf(consumer, topic);
      break;
    }
    // Never past the record that is in hand.
    expect(seen).toBe(5);
  });

  test('a place at the end is committed before any record came, so that the next member misses nothing', async () => {
    const topic = await node.topicWith(5);
    const first = node.member(topic, { from: 'end' });
    await first.ready(soon());
    await first.close();
    await node.add(topic, 2);
    await using second = node.member(topic, { from: 'end' });
    expect(offsetsOf(await take(second, 2))).toEqual([5, 6]);
  });

  test('a batch is committed by itself, and seeking back commits back', async () => {
    const topic = await node.topicWith(6);
    await using consumer = node.member(topic, { autoCommit: false });
    for await (const batch of consumer.batches(soon())) {
      await batch.commit();
      break;
    }
    expect(await committedOf(consumer, topic)).toBe(6);
    consumer.seek({ topic, partition: 0 }, { offset: 1 });
    expect(offsetsOf(await take(consumer, 2))).toEqual([1, 2]);
    await consumer.commit();
    expect(await committedOf(consumer, topic)).toBe(3);
    await consumer.commit([{ topic, partition: 0, offset: 5, metadata: 'by hand' }]);
    expect(await committedOf(consumer, topic)).toBe(5);
  });

  test('an offset that lies behind what is committed is refused unless the program has sought back', async () => {
    const topic = await node.topicWith(6);
    const partition = { topic, partition: 0 };
    await using before = node.member(topic, { autoCommit: false });
    await take(before, 6);
    await before.commit();
    await before.close();
    // As a program does that tries a commit again which was not answered before it lost the partition, and has it again now.
    await using consumer = node.member(topic, { autoCommit: false });
    await consumer.ready(soon());
    const late = consumer.commit([{ ...partition, offset: 2 }]);
    await expect(late).rejects.toMatchObject({ code: 'COMMIT_GOES_BACK', retriable: false });
    expect(await committedOf(consumer, topic)).toBe(6);
    consumer.seek(partition, { offset: 2 });
    await consumer.commit([{ ...partition, offset: 2 }]);
    expect(await committedOf(consumer, topic)).toBe(2);
  });

  test('run never commits past a record whose callback has not ended', async () => {
    const topic = await node.topicWith(10);
    await using consumer = node.member(topic, { autoCommitIntervalMs: 5 });
    let open: (() => void) | undefined;
    const running = consumer.run({
      eachRecord: ({ offset }) => (offset === 4 ? new Promise<void>((resolve) => (open = resolve)) : undefined),
    });
    await until(() => open !== undefined);
    await until(async () => (await committedOf(consumer, topic)) === 4);
    await consumer.commit();
    expect(await committedOf(consumer, topic)).toBe(4);
    open?.();
    await until(async () => (await committedOf(consumer, topic)) === 10);
    await consumer.close();
    await running;
  });

  test('at-most-once commits before it hands over, and gives back on leaving what it did not hand over', async () => {
    const topic = await node.topicWith(10);
    const first = node.member(topic, { delivery: 'at-most-once' });
    expect(offsetsOf(await take(first, 1))).toEqual([0]);
    expect(await committedOf(first, topic)).toBe(10);
    await first.close();
    await using second = node.member(topic, { delivery: 'at-most-once' });
    expect(offsetsOf(await take(second, 2))).toEqual([1, 2]);
  });
});

test('at-most-once commits back before it hands over what the program went back to', async () => {
  const topic = await node.topicWith(2);
  await node.add(topic, 2);
  await using consumer = node.member(topic, { delivery: 'at-most-once', partitionFetchMaxBytes: 1 });
  expect(offsetsOf(await take(consumer, 3))).toEqual([0, 1, 2]);
  expect(await committedOf(consumer, topic)).toBe(4);
  consumer.seek({ topic, partition: 0 }, { offset: 0 });
  expect(offsetsOf(await take(consumer, 1))).toEqual([0]);
  expect(await committedOf(consumer, topic)).toBe(2);
});

test('at-most-once never gives a record again whose callback has failed', async () => {
  const topic = await node.topicWith(10);
  const first = node.member(topic, { delivery: 'at-most-once' });
  const eachRecord = ({ offset }: ConsumerRecord): void => {
    if (offset === 4) throw new Error('cannot');
  };
  await expect(first.run({ eachRecord, ...soon() })).rejects.toThrow('cannot');
  await first.close();
  await using second = node.member(topic, { delivery: 'at-most-once' });
  expect(offsetsOf(await take(second, 1))).toEqual([5]);
});

describe('members', () => {
  test('share partitions, which change hands after the last record in hand was processed and committed', async () => {
    const topic = await node.topicWith(5, 4);
    const events: string[] = [];
    await using first = node.member(topic, {
      onAssigned: (partitions) => void events.push(`assigned ${indexesOf(partitions).join()}`),
      onRevoked: (partitions) => void events.push(`revoked ${indexesOf(partitions).join()}`),
    });
    const seen = new Set<string>();
    let repeated = 0;
    const note = ({ partition, offset }: ConsumerRecord): void => {
      const key = `${partition}:${offset}`;
      if (seen.has(key)) repeated += 1;
      seen.add(key);
    };
    const running = [first.run({ eachRecord: note })];
    await until(() => seen.size === 20);
    await using second = node.member(topic);
    running.push(second.run({ eachRecord: note }));
    await until(() => second.assignment().length === 2 && first.assignment().length === 2);
    expect(indexesOf([...first.assignment(), ...second.assignment()])).toEqual([0, 1, 2, 3]);
    expect(events[0]).toBe('assigned 0,1,2,3');
    expect(events[1]).toMatch(/^revoked \d,\d$/);
    for (const partition of [0, 1, 2, 3]) await node.add(topic, 5, { partition });
    await until(() => seen.size === 40);
    await second.close();
    await until(() => first.assignment().length === 4);
    for (const partition of [0, 1, 2, 3]) await node.add(topic, 5, { partition });
    await until(() => seen.size === 60);
    await first.close();
    await Promise.all(running);
    expect(repeated).toBe(0);
  });

  test('many partitions that come at once make Node.js warn of nothing', async () => {
    const topic = await node.topicWith(1, 30);
    const warnings: Error[] = [];
    const note = (warning: Error): void => void warnings.push(warning);
    process.on('warning', note);
    try {
      await using consumer = node.member(topic);
      expect(await take(consumer, 30)).toHaveLength(30);
      expect(consumer.assignment()).toHaveLength(30);
    } finally {
      process.off('warning', note);
    }
    expect(warnings).toEqual([]);
  });

  test('a partition is not handed over while the program works on a record of it', async () => {
    const topic = await node.topicWith(3, 2);
    await using first = node.member(topic);
    const records = first.records(soon());
    const inHand = await records.next();
    const { partition } = inHand.value as ConsumerRecord;
    await using second = node.member(topic);
    const others = second.records(soon());
    const others0 = others.next();
    await until(() => second.assignment().length === 1 || first.assignment().length === 1);
    const gone = 1 - partition;
    const held = first.assignment().some((one) => one.partition === partition);
    if (!held) throw new Error(`partition ${partition} was handed over with a record in hand, not ${gone}`);
    await others0;
    void records.return?.();
    void others.return?.();
  });

  test('a member whose program stops asking gives its partitions up, and comes back when it asks again', async () => {
    const topic = await node.topicWith(3, 1);
    const lost: number[] = [];
    await using first = node.member(topic, {
      maxPollIntervalMs: 300,
      onLost: (partitions) => void lost.push(...indexesOf(partitions)),
    });
    const records = first.records(soon());
    expect(((await records.next()).value as ConsumerRecord).offset).toBe(0);
    await until(() => lost.length === 1);
    expect(first.assignment()).toEqual([]);
    // It comes back, and gets again what it had not finished.
    expect(((await records.next()).value as ConsumerRecord).offset).toBe(0);
  });

  test('a batch of a partition that was lost is not read on, and its commit is refused', async () => {
    const topic = await node.topicWith(3, 1);
    await using consumer = node.member(topic, { maxPollIntervalMs: 300, autoCommit: false });
    const batches = consumer.batches(soon());
    const batch = (await batches.next()).value as ConsumerBatch | undefined;
    if (batch === undefined) throw new Error('there is a batch');
    await until(() => consumer.assignment().length === 0);
    expect([...batch]).toEqual([]);
    await expect(batch.commit()).rejects.toMatchObject({ code: 'STALE_MEMBER_EPOCH' });
    await expect(consumer.commit([{ topic, partition: 0, offset: 1 }])).rejects.toMatchObject({
      code: 'STALE_MEMBER_EPOCH',
    });
  });

  test('read topics by pattern, also those that come later', async () => {
    const topic = await node.topicWith(2);
    await using consumer = new Consumer({
      bootstrap: node.bootstrap,
      group: `pattern-${topic}`,
      topicPattern: `*c-${topic.slice('topic-'.length)}`,
      from: 'beginning',
    });
    expect((await take(consumer, 2)).map((record) => record.topic)).toEqual([topic, topic]);
    const late = `basic-${topic.slice('topic-'.length)}`;
    await node.admin.createTopic({ name: late, partitions: 1 });
    await node.add(late, 1);
    expect((await take(consumer, 1)).map((record) => record.topic)).toEqual([late]);
  });

  test('a static member that comes back gets its partitions without a rebalance of the others', async () => {
    const topic = await node.topicWith(1, 2);
    const moves: string[] = [];
    await using other = node.member(topic, {
      onAssigned: (partitions) => void moves.push(`+${indexesOf(partitions).join()}`),
      onRevoked: (partitions) => void moves.push(`-${indexesOf(partitions).join()}`),
    });
    const first = node.member(topic, { instanceId: 'one' });
    const running = [other, first].map((one) => one.run({ eachRecord: () => undefined }));
    await until(() => first.assignment().length === 1 && other.assignment().length === 1);
    const mine = indexesOf(first.assignment());
    const before = [...moves];
    await first.close();
    const again = node.member(topic, { instanceId: 'one' });
    running.push(again.run({ eachRecord: () => undefined }));
    await until(() => again.assignment().length === 1);
    expect(indexesOf(again.assignment())).toEqual(mine);
    expect(moves).toEqual(before);
    await Promise.all([again.close(), other.close()]);
    await Promise.all(running);
  });

  test('an error that no retry cures ends the reading', async () => {
    const topic = await node.topicWith(1);
    await using consumer = node.member(topic, { topicPattern: '[' });
    await expect(take(consumer, 1)).rejects.toMatchObject({ retriable: false });
    await expect(take(consumer, 1)).rejects.toMatchObject({ retriable: false });
  });

  test('options that contradict each other are refused', () => {
    const options = { bootstrap: 'h:1', group: 'g' };
    expect(() => new Consumer({ ...options, assignments: [] })).toThrow(/exclude each other/);
    expect(() => new Consumer(options)).toThrow(/needs topics or topicPattern/);
    expect(() => new Consumer({ bootstrap: 'h:1', topics: ['t'], instanceId: 'i' })).toThrow(/together with group/);
    expect(() => new Consumer({ ...options, topics: ['t'], delivery: 'at-most-once', autoCommit: false })).toThrow(
      /commits by itself/,
    );
  });
});
