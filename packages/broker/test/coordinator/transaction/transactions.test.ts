import {
  addPartitionsToTxnApi,
  deleteTopicsApi,
  describeProducersApi,
  describeTransactionsApi,
  endTxnApi,
  fetchApi,
  initProducerIdApi,
  listTransactionsApi,
  produceApi,
  writeTxnMarkersApi,
} from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import {
  defaultTransactionSettings,
  type TransactionSettings,
} from '../../../src/coordinator/transaction/transaction-settings.js';
import {
  batchOf,
  errorName,
  NodeFixture,
  type NodeFixtureOptions,
  offsetAt,
  produceRequest,
} from '../../node-fixture.js';
import {
  readCommitted,
  ScriptedProducer,
  type ScriptedProducerOptions,
  transactionCoordinatorOf,
} from './scripted-producer.js';

async function fixture(transactions: Partial<TransactionSettings> = {}, options: NodeFixtureOptions = {}) {
  const settings = { transactions: { ...defaultTransactionSettings, ...transactions } };
  const node = await NodeFixture.start({ ...options, settings });
  const client = await node.client();
  const topicId = await node.topic(client, 'orders', 4);
  await node.complete(transactionCoordinatorOf(client));
  await node.simulation.runFor(50);
  const producer = async (options: ScriptedProducerOptions = {}): Promise<ScriptedProducer> => {
    const made = new ScriptedProducer(client, options);
    expect(await node.complete(made.init())).toBe('NONE');
    return made;
  };
  const committed = (partition = 0): Promise<string[]> => node.complete(readCommitted(client, topicId, partition));
  return { node, client, topicId, producer, committed };
}

describe('a transaction', () => {
  test('is seen by readers of committed records when it is committed, in all its partitions, and not before', async () => {
    const { node, topicId, producer, committed } = await fixture();
    const one = await producer();
    expect(await node.complete(one.send(topicId, ['a', 'b'], 0))).toBe('NONE');
    expect(await node.complete(one.send(topicId, ['c'], 1))).toBe('NONE');
    expect(await node.complete(one.send(topicId, ['d'], 0))).toBe('NONE');
    expect([await committed(0), await committed(1)]).toEqual([[], []]);
    const epoch = one.epoch;
    expect(await node.complete(one.end(true))).toBe('NONE');
    expect(one.epoch).toBe(epoch + 1);
    await node.simulation.runFor(50);
    expect([await committed(0), await committed(1)]).toEqual([['a', 'b', 'd'], ['c']]);
  });

  test('is never seen by them when it is aborted', async () => {
    const { node, topicId, producer, committed } = await fixture();
    const one = await producer();
    await node.complete(one.send(topicId, ['a']));
    expect(await node.complete(one.end(false))).toBe('NONE');
    await node.simulation.runFor(50);
    expect(await committed()).toEqual([]);
    expect(await node.complete(one.send(topicId, ['b']))).toBe('NONE');
    expect(await node.complete(one.end(true))).toBe('NONE');
    await node.simulation.runFor(50);
    expect(await committed()).toEqual(['b']);
  });

  test('follows the one before at once: its writes wait until the markers of that are there', async () => {
    const { node, client, topicId, producer, committed } = await fixture();
    const one = await producer();
    const all = async (): Promise<void> => {
      for (let round = 0; round < 20; round += 1) {
        expect(await one.send(topicId, [`${round}`], round % 4)).toBe('NONE');
        expect(await one.end(round % 2 === 0)).toBe('NONE');
      }
    };
    await node.complete(all());
    await node.simulation.runFor(50);
    expect([await committed(0), await committed(1)]).toEqual([['0', '4', '8', '12', '16'], []]);
    expect(await node.complete(offsetAt(client, { topicId }, -1))).toBe(10);
  });

  test('has its first entry on disk with the sync that completes the one before', async () => {
    const { node, topicId, producer } = await fixture({}, { recordDisks: true });
    const one = await producer();
    const syncs = (directory: string): number =>
      node.simulation
        .disk('node')
        .operations.filter(
          (each) => each.kind === 'sync' && each.path.includes(`/${directory}`) && each.path.endsWith('.log'),
        ).length;
    const rounds = 20;
    const all = async (): Promise<void> => {
      for (let round = 0; round < rounds; round += 1) {
        expect(await one.send(topicId, [`${round}`])).toBe('NONE');
        expect(await one.end(true)).toBe('NONE');
      }
    };
    // The next one is there long before the marker of the one before is on disk.
    node.simulation.setDiskLatency('node', { minMs: 5, maxMs: 5 });
    const before = [syncs('__transaction_state-'), syncs('orders-')];
    await node.complete(all());
    await node.simulation.runFor(50);
    // Of the first one the first entry is synced alone, and of the last one the completion: two for each, and one more.
    expect(syncs('__transaction_state-') - (before[0] ?? 0)).toBe(2 * rounds + 1);
    // Its records, and its marker.
    expect(syncs('orders-') - (before[1] ?? 0)).toBe(2 * rounds);
  });
});

describe('a producer', () => {
  test('that takes over the transactional id fences the one before, and aborts what it left open', async () => {
    const { node, topicId, producer, committed } = await fixture();
    const old = await producer();
    await node.complete(old.send(topicId, ['lost']));
    const successor = await producer();
    expect(successor).toMatchObject({ producerId: old.producerId });
    expect(successor.epoch).toBeGreaterThan(old.epoch);
    expect(await node.complete(old.send(topicId, ['late']))).toBe('INVALID_PRODUCER_EPOCH');
    expect(await node.complete(old.send(topicId, ['late'], 1))).toBe('INVALID_PRODUCER_EPOCH');
    expect(await node.complete(old.end(true))).toBe('PRODUCER_FENCED');
    expect(await node.complete(old.end(false))).toBe('PRODUCER_FENCED');
    expect(await node.complete(old.init('again'))).toBe('PRODUCER_FENCED');
    await node.complete(successor.send(topicId, ['kept']));
    expect(await node.complete(successor.end(true))).toBe('NONE');
    await node.simulation.runFor(50);
    expect([await committed(0), await committed(1)]).toEqual([['kept'], []]);
  });

  test('whose answer to the end got lost asks again and gets the same one, also after the next has begun elsewhere', async () => {
    const { node, topicId, producer, committed } = await fixture();
    const one = await producer();
    await node.complete(one.send(topicId, ['a']));
    const { epoch } = one;
    for (let again = 0; again < 3; again += 1) {
      expect(await node.complete(one.end(true, { forget: true }))).toBe('NONE');
      await node.simulation.runFor(20);
    }
    expect(await node.complete(one.end(false, { forget: true }))).toBe('INVALID_TXN_STATE');
    expect(await node.complete(one.end(true))).toBe('NONE');
    expect(one.epoch).toBe(epoch + 1);
    expect(await committed()).toEqual(['a']);
  });

  test('that asks for its next epoch again after a lost answer gets no other one', async () => {
    const { node, producer } = await fixture();
    const one = await producer();
    const before = { producerId: one.producerId, producerEpoch: one.epoch };
    expect(await node.complete(one.init('again'))).toBe('NONE');
    const { epoch } = one;
    expect(epoch).toBe(before.producerEpoch + 1);
    one.use(before);
    expect(await node.complete(one.init('again'))).toBe('NONE');
    expect(one.epoch).toBe(epoch);
  });

  test('that was too slow learns that its transaction was aborted, and goes on with the next epoch', async () => {
    const { node, topicId, producer, committed } = await fixture({ tickMs: 100 });
    const one = await producer({ timeoutMs: 1000 });
    await node.complete(one.send(topicId, ['a']));
    await node.simulation.runFor(1500);
    expect(await node.complete(one.send(topicId, ['b']))).toBe('INVALID_PRODUCER_EPOCH');
    expect(await node.complete(one.end(true))).toBe('TRANSACTION_ABORTABLE');
    expect(await node.complete(one.end(false))).toBe('NONE');
    await node.complete(one.send(topicId, ['c']));
    expect(await node.complete(one.end(true))).toBe('NONE');
    await node.simulation.runFor(50);
    expect(await committed()).toEqual(['c']);
  });

  test.each([-1, 1])('has its time however the clock on the wall jumps (%i hour)', async (hours) => {
    const { node, topicId, producer } = await fixture({ tickMs: 100 });
    const one = await producer({ timeoutMs: 1000 });
    await node.complete(one.send(topicId, ['a']));
    node.simulation.setWallClock('node', { offsetMs: hours * 3_600_000 });
    await node.simulation.runFor(500);
    expect(await node.complete(one.send(topicId, ['b']))).toBe('NONE');
    await node.simulation.runFor(700);
    expect(await node.complete(one.send(topicId, ['c']))).toBe('INVALID_PRODUCER_EPOCH');
  });

  test('cannot commit what it never wrote, and aborts it without a marker anywhere', async () => {
    const { node, client, topicId, producer } = await fixture();
    const one = await producer();
    const { epoch } = one;
    expect(await node.complete(one.end(true))).toBe('INVALID_TXN_STATE');
    expect(await node.complete(one.end(false))).toBe('NONE');
    expect(one.epoch).toBe(epoch + 1);
    expect(await node.complete(offsetAt(client, { topicId }, -1))).toBe(0);
  });

  test('that keeps five batches in flight has them appended in the order in which they came', async () => {
    const { node, topicId, producer, committed } = await fixture();
    const one = await producer();
    const sent = Array.from({ length: 5 }, (_, index) => one.send(topicId, [`${index}`]));
    expect(await node.complete(Promise.all(sent))).toEqual(['NONE', 'NONE', 'NONE', 'NONE', 'NONE']);
    expect(await node.complete(one.end(true))).toBe('NONE');
    await node.simulation.runFor(50);
    expect(await committed()).toEqual(['0', '1', '2', '3', '4']);
  });

  test('gets one answer for a request of which some partitions are in the transaction and others are not yet', async () => {
    const { node, topicId, producer, committed } = await fixture();
    const one = await producer();
    await node.complete(one.send(topicId, ['a'], 1));
    const wanted = [0, 1, 2].map((partition) => ({ topicId, partition, values: [`p${partition}`] }));
    const results = await node.complete(one.produce(wanted));
    expect(results.map(({ partition, error, baseOffset }) => [partition, error, baseOffset])).toEqual([
      [0, 0, 0],
      [1, 0, 1],
      [2, 0, 0],
    ]);
    expect(await node.complete(one.end(true))).toBe('NONE');
    await node.simulation.runFor(50);
    expect([await committed(0), await committed(1), await committed(2)]).toEqual([['p0'], ['a', 'p1'], ['p2']]);
  });
});

test('a reader of committed records that waits for many bytes gets them with the marker, which has few', async () => {
  const { node, client, topicId, producer } = await fixture();
  const one = await producer();
  await node.complete(one.send(topicId, ['x'.repeat(5000)]));
  let answeredMs = -1;
  const startedMs = node.simulation.nowMs;
  const reader = await node.client(undefined, 'reader');
  const fetched = reader
    .call(fetchApi, {
      maxWaitMs: 20_000,
      minBytes: 4000,
      maxBytes: 1_000_000,
      isolation: 'read-committed',
      partitions: [{ topicId, partition: 0, leaderEpoch: -1, fetchOffset: 0, maxBytes: 1_000_000 }],
    })
    .then(({ payload }) => {
      answeredMs = node.simulation.nowMs - startedMs;
      return payload.length;
    });
  await node.simulation.runFor(100);
  expect(await node.complete(one.end(true))).toBe('NONE');
  expect(await node.complete(fetched)).toBeGreaterThan(5000);
  expect(answeredMs).toBeLessThan(5000);
  client.close();
});

describe('refused is', () => {
  const none = { producerId: -1, producerEpoch: -1 };

  test('a batch of a transaction without its transactional id, and one outside of transactions with one', async () => {
    const { node, client, topicId, producer } = await fixture();
    const one = await producer();
    const { body, payload } = produceRequest([{ topicId, batch: one.batch(topicId, 0, ['a']) }]);
    const first = await node.complete(client.call(produceApi, body, payload));
    expect(errorName(first.body.partitions[0]?.error)).toBe('INVALID_REQUEST');
    const [second] = await node.complete(one.sendBatches([{ topicId, partition: 0 }], [batchOf(['a'])]));
    expect(errorName(second?.error)).toBe('INVALID_REQUEST');
    const weak = client.call(produceApi, { ...body, acks: 1, transactionalId: 't' }, payload);
    await expect(node.complete(weak)).rejects.toMatchObject({ code: 'INVALID_REQUIRED_ACKS' });
  });

  test('a transaction of a producer id that belongs to another transactional id, or to none', async () => {
    const { node, topicId, producer } = await fixture();
    const [one, other] = [await producer({ transactionalId: 'one' }), await producer({ transactionalId: 'other' })];
    one.use({ producerId: other.producerId, producerEpoch: other.epoch });
    expect(await node.complete(one.send(topicId, ['a']))).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await node.complete(one.end(true))).toBe('INVALID_PRODUCER_ID_MAPPING');
    const unknown = new ScriptedProducer(one.client, { transactionalId: 'nobody' });
    unknown.use({ producerId: 1, producerEpoch: 0 });
    expect(await node.complete(unknown.end(true))).toBe('INVALID_PRODUCER_ID_MAPPING');
    expect(await node.complete(unknown.send(topicId, ['a']))).toBe('INVALID_PRODUCER_ID_MAPPING');
  });

  test('a timeout that is not possible, and half an identity', async () => {
    const { node, client } = await fixture({ maxTimeoutMs: 5000 });
    const init = async (changes: object): Promise<string> => {
      const request = { transactionalId: 't', transactionTimeoutMs: 1000, ...none, ...changes };
      return errorName((await node.complete(client.call(initProducerIdApi, request))).body.error);
    };
    expect(await init({ transactionTimeoutMs: 0 })).toBe('INVALID_TRANSACTION_TIMEOUT');
    expect(await init({ transactionTimeoutMs: 5001 })).toBe('INVALID_TRANSACTION_TIMEOUT');
    expect(await init({ producerId: 1 })).toBe('INVALID_REQUEST');
    expect(await init({ transactionalId: '' })).toBe('INVALID_REQUEST');
    expect(await node.complete(transactionCoordinatorOf(client, ''))).toMatchObject({ error: 42, nodeId: -1 });
    expect(await init({ transactionalId: '__proto__' })).toBe('NONE');
    expect(await init({ transactionalId: '../\u0000\r\n' })).toBe('NONE');
  });

  test('what only nodes may ask, of clients', async () => {
    const { node, client } = await fixture();
    const add = { transactionalId: 't', producerId: 0, producerEpoch: 0, partitions: [] };
    const refused = { code: 'CLUSTER_AUTHORIZATION_FAILED' };
    await expect(node.complete(client.call(addPartitionsToTxnApi, add))).rejects.toMatchObject(refused);
    await expect(node.complete(client.call(writeTxnMarkersApi, { markers: [] }))).rejects.toMatchObject(refused);
    const end = { transactionalId: '', producerId: 0, producerEpoch: 0, committed: true };
    await expect(node.complete(client.call(endTxnApi, end))).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });
});

describe('an operator', () => {
  test('sees what is open, where, and since when', async () => {
    const { node, client, topicId, producer } = await fixture();
    const one = await producer();
    await producer({ transactionalId: 'idle' });
    await node.complete(one.send(topicId, ['a'], 2));
    await node.simulation.runFor(500);
    const list = async (changes: object = {}) => {
      const request = { states: [], openForMs: -1, ...changes };
      return (await node.complete(client.call(listTransactionsApi, request))).body;
    };
    const open = { transactionalId: 't', producerId: one.producerId, state: 'ongoing' };
    expect((await list()).transactions.map(({ transactionalId }) => transactionalId)).toEqual(['idle', 't']);
    expect((await list({ states: ['ongoing'] })).transactions).toEqual([open]);
    expect((await list({ openForMs: 400 })).transactions).toEqual([open]);
    expect((await list({ openForMs: 60_000 })).transactions).toEqual([]);
    const described = await node.complete(client.call(describeTransactionsApi, { transactionalIds: ['t', 'nobody'] }));
    expect(described.body.transactions).toMatchObject([
      { ...open, error: 0, producerEpoch: one.epoch, timeoutMs: 60_000, partitions: [{ topicId, partition: 2 }] },
      { error: 105, state: 'empty', partitions: [] },
    ]);
    const places = { partitions: [{ topicId, partition: 2 }] };
    const producers = await node.complete(client.call(describeProducersApi, places));
    expect(producers.body.partitions[0]?.producers).toMatchObject([
      { producerId: one.producerId, lastSequence: 0, transactionStartOffset: 0, coordinatorEpoch: -1 },
    ]);
    await node.complete(one.end(true));
    await node.simulation.runFor(50);
    const after = await node.complete(client.call(describeProducersApi, places));
    expect(after.body.partitions[0]?.producers).toMatchObject([
      { producerEpoch: one.epoch, lastSequence: -1, transactionStartOffset: -1, coordinatorEpoch: 0 },
    ]);
    expect((await list({ states: ['complete-commit'] })).transactions).toMatchObject([{ transactionalId: 't' }]);
  });
});

test('a topic that is deleted does not keep a transaction from ending', async () => {
  const { node, client, topicId, producer, committed } = await fixture();
  const other = await node.topic(client, 'short-lived', 1);
  const one = await producer();
  await node.complete(one.send(topicId, ['a']));
  await node.complete(one.send(other, ['b']));
  await node.complete(
    client.call(deleteTopicsApi, { topics: [{ name: 'short-lived', topicId: null }], timeoutMs: 10_000 }),
  );
  expect(await node.complete(one.end(true))).toBe('NONE');
  await node.simulation.runFor(1000);
  expect(await committed()).toEqual(['a']);
  expect(await node.complete(one.send(topicId, ['c']))).toBe('NONE');
});

test('a transactional id that nobody uses is forgotten, and one with an open transaction is not', async () => {
  const { node, client, topicId, producer } = await fixture({ idExpirationMs: 5000, idCheckMs: 1000 });
  const one = await producer();
  await producer({ transactionalId: 'idle' });
  await node.complete(one.send(topicId, ['a']));
  await node.simulation.runFor(10_000);
  const { body } = await node.complete(client.call(listTransactionsApi, { states: [], openForMs: -1 }));
  expect(body.transactions.map(({ transactionalId }) => transactionalId)).toEqual(['t']);
});

test('all of it is there again after a restart: what was open, what was decided, and who was fenced', async () => {
  const { node, client, topicId, producer } = await fixture();
  const [open, decided] = [await producer({ transactionalId: 'open' }), await producer({ transactionalId: 'decided' })];
  await node.complete(open.send(topicId, ['open'], 0));
  await node.complete(decided.send(topicId, ['decided'], 1));
  expect(await node.complete(decided.end(true))).toBe('NONE');
  client.close();
  await node.stop();
  await node.startNode(node.simulation.environment('node'));
  const again = await node.client();
  open.client = decided.client = again;
  await node.simulation.runFor(200);
  expect(await node.complete(open.send(topicId, ['more'], 0))).toBe('NONE');
  expect(await node.complete(open.end(true))).toBe('NONE');
  expect(await node.complete(decided.send(topicId, ['next'], 1))).toBe('NONE');
  await node.simulation.runFor(50);
  expect(await node.complete(readCommitted(again, topicId, 0))).toEqual(['open', 'more']);
  expect(await node.complete(readCommitted(again, topicId, 1))).toEqual(['decided']);
});
