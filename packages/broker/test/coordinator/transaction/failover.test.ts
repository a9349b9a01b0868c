import { errorCode, MillraceError, sleep } from '@millrace/base';
import { offsetFetchApi } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { defaultBrokerSettings } from '../../../src/broker-settings.js';
import { defaultGroupSettings } from '../../../src/coordinator/group/group-settings.js';
import { defaultTransactionSettings } from '../../../src/coordinator/transaction/transaction-settings.js';
import { ClusterFixture } from '../../cluster-fixture.js';
import { errorName } from '../../node-fixture.js';
import { RawClient } from '../../raw-client.js';
import { adminCommit, coordinatorOf } from '../scripted-member.js';
import {
  readCommitted,
  ScriptedProducer,
  type ScriptedProducerOptions,
  transactionCoordinatorOf,
} from './scripted-producer.js';

const topic = { ...defaultTransactionSettings.topic, partitions: 1, minBrokers: 3 };
const patienceMs = 2000;
/** What the bare client and its network say of a node that is gone. */
const passing: ReadonlySet<string> = new Set(['NETWORK_EXCEPTION', 'ECONNREFUSED', 'ECONNRESET']);
/** Answers that are worth asking again. */
const again: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'CONCURRENT_TRANSACTIONS',
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
]);

async function fixture(seed: number) {
  const transactions = { ...defaultTransactionSettings, topic, tickMs: 100 };
  const groups = { ...defaultGroupSettings, topic: { ...defaultGroupSettings.topic, partitions: 1, minBrokers: 3 } };
  const cluster = await ClusterFixture.start({ seed, settings: { ...defaultBrokerSettings, groups, transactions } });
  const topicId = await cluster.topic('orders', { partitions: 3 });
  const client = await cluster.client(1);
  await cluster.complete(transactionCoordinatorOf(client));
  await cluster.complete(coordinatorOf(client));
  const stateId = cluster.image.topicByName('__transaction_state')?.topicId ?? '';
  const offsetsId = cluster.image.topicByName('__consumer_offsets')?.topicId ?? '';
  await cluster.until(() => cluster.isHealed(stateId) && cluster.isHealed(offsetsId));
  return { cluster, topicId, stateId, offsetsId, coordinator: () => cluster.partition(stateId).leader };
}

type Fixture = Awaited<ReturnType<typeof fixture>>;

/** Asks whoever leads a partition at the moment, until it answers something that is final. */
async function asked<Value>(
  { cluster }: Fixture,
  place: { topicId: string; partition?: number },
  ask: (client: RawClient) => Promise<Value>,
): Promise<Value> {
  const { clock } = cluster.simulation.environment('asker');
  const { topicId, partition = 0 } = place;
  for (;;) {
    await cluster.until(() => cluster.leader(topicId, partition) !== undefined);
    const host = cluster.node(cluster.partition(topicId, partition).leader).name;
    const attempt = RawClient.open(cluster.simulation.environment('asker'), { host, port: 7400 }).then(
      async (client) => {
        try {
          return await ask(client);
        } finally {
          client.close();
        }
      },
    );
    const late = sleep(clock, patienceMs).then(() => {
      throw new MillraceError('REQUEST_TIMED_OUT', 'nothing came', { retriable: true });
    });
    late.catch(() => undefined);
    try {
      const value = await cluster.complete(Promise.race([attempt, late]));
      if (typeof value !== 'string' || !again.has(value)) return value;
    } catch (error) {
      const code = errorCode(error);
      if (!(error instanceof MillraceError && error.retriable) && !passing.has(code)) throw error;
    }
    await cluster.simulation.runFor(5);
  }
}

/** A producer whose every step goes to whoever is to be asked, until it is done. */
class PatientProducer {
  readonly #all: Fixture;
  readonly #producer: ScriptedProducer;

  private constructor(all: Fixture, client: RawClient, options: ScriptedProducerOptions) {
    this.#all = all;
    this.#producer = new ScriptedProducer(client, options);
  }

  static async begin(all: Fixture, options: ScriptedProducerOptions = {}): Promise<PatientProducer> {
    const producer = new PatientProducer(all, await all.cluster.leaderClient(all.stateId), options);
    expect(await producer.#atCoordinator((one) => one.init())).toBe('NONE');
    return producer;
  }

  send(values: readonly string[], partition: number): Promise<string> {
    const { topicId } = this.#all;
    const batch = this.#producer.batch(topicId, partition, values);
    return asked(this.#all, { topicId, partition }, async (client) => {
      this.#producer.client = client;
      return this.#producer.sendBatch({ topicId, partition }, batch);
    });
  }

  /** That the group is at this offset of the first partition, once the transaction is committed. */
  commitOffset(offset: number): Promise<string> {
    const { topicId, offsetsId } = this.#all;
    return asked(this.#all, { topicId: offsetsId }, (client) => {
      this.#producer.client = client;
      return this.#producer.commitOffset('g', topicId, offset);
    });
  }

  end(committed: boolean): Promise<string> {
    return this.#atCoordinator((one) => one.end(committed));
  }

  #atCoordinator(ask: (producer: ScriptedProducer) => Promise<string>): Promise<string> {
    return asked(this.#all, { topicId: this.#all.stateId }, (client) => {
      this.#producer.client = client;
      return ask(this.#producer);
    });
  }
}

async function committed(all: Fixture, partition: number): Promise<string[]> {
  const { topicId } = all;
  return asked(all, { topicId, partition }, (client) => readCommitted(client, topicId, partition));
}

function crashCoordinator(all: Fixture): Promise<number> {
  return crashLeader(all, all.stateId);
}

async function crashLeader({ cluster }: Fixture, topicId: string): Promise<number> {
  const lost = cluster.partition(topicId).leader;
  cluster.crash(lost, 'lost');
  await cluster.until(() => cluster.partition(topicId).leader !== lost && cluster.leader(topicId) !== undefined);
  return lost;
}

/** How far the group is in the first partition, or why nobody says. */
function groupOffset(all: Fixture, requireStable: boolean): Promise<number | string> {
  const { topicId, offsetsId } = all;
  return asked<number | string>(all, { topicId: offsetsId }, async (client) => {
    const partitions = [{ topicId, partition: 0 }];
    const { body } = await client.call(offsetFetchApi, {
      group: 'g',
      memberId: '',
      memberEpoch: -1,
      requireStable,
      partitions,
    });
    const [answer] = body.partitions;
    return answer?.error === 0 ? answer.offset : errorName(answer?.error);
  });
}

/** What has been decided reaches the group soon. */
async function stableOffset(all: Fixture): Promise<number | string> {
  for (;;) {
    const offset = await groupOffset(all, true);
    if (offset !== 'UNSTABLE_OFFSET_COMMIT') return offset;
    await all.cluster.simulation.runFor(5);
  }
}

describe.each([1, 2])('a coordinator that loses power (seed %i)', (seed) => {
  test('while a transaction is open is followed by one that goes on with it', async () => {
    const all = await fixture(seed);
    const one = await PatientProducer.begin(all);
    for (const partition of [0, 1, 2]) expect(await one.send([`a${partition}`], partition)).toBe('NONE');
    const lost = await crashCoordinator(all);
    expect(await one.send(['b'], 0)).toBe('NONE');
    expect(await one.end(true)).toBe('NONE');
    await all.cluster.restart(lost);
    await all.cluster.simulation.runFor(5000);
    expect([await committed(all, 0), await committed(all, 1), await committed(all, 2)]).toEqual([
      ['a0', 'b'],
      ['a1'],
      ['a2'],
    ]);
  });

  test('at any moment of the end is followed by one that tells every partition the same', async () => {
    for (const delayMs of [0, 1, 4]) {
      const all = await fixture(seed);
      const { cluster } = all;
      const one = await PatientProducer.begin(all);
      for (const partition of [0, 1, 2]) expect(await one.send([`a${partition}`], partition)).toBe('NONE');
      const lost = all.coordinator();
      cluster.simulation.environment('breaker').clock.schedule(delayMs, () => {
        cluster.crash(lost, 'lost');
      });
      expect(await one.end(true)).toBe('NONE');
      await cluster.until(() => all.coordinator() !== lost);
      await cluster.restart(lost);
      await cluster.simulation.runFor(5000);
      expect([await committed(all, 0), await committed(all, 1), await committed(all, 2)]).toEqual([
        ['a0'],
        ['a1'],
        ['a2'],
      ]);
      expect(await one.send(['next'], 0)).toBe('NONE');
      expect(await one.end(false)).toBe('NONE');
    }
  });

  test('is followed by one that aborts what is open for too long, and still fences who was replaced', async () => {
    const all = await fixture(seed);
    const one = await PatientProducer.begin(all, { timeoutMs: 3000 });
    expect(await one.send(['a'], 1)).toBe('NONE');
    const lost = await crashCoordinator(all);
    await all.cluster.simulation.runFor(4000);
    expect(await one.end(true)).toBe('TRANSACTION_ABORTABLE');
    const other = await PatientProducer.begin(all);
    expect(await one.end(false)).toBe('PRODUCER_FENCED');
    expect(await other.send(['b'], 1)).toBe('NONE');
    expect(await other.end(true)).toBe('NONE');
    await all.cluster.restart(lost);
    await all.cluster.simulation.runFor(5000);
    expect(await committed(all, 1)).toEqual(['b']);
  });
});

test('a leader of a partition that loses power does not keep a transaction from ending', async () => {
  const all = await fixture(4);
  const { cluster, topicId } = all;
  const one = await PatientProducer.begin(all);
  for (const partition of [0, 1, 2]) expect(await one.send([`a${partition}`], partition)).toBe('NONE');
  const lost = [1, 2, 3].find((id) => id !== all.coordinator()) ?? 1;
  cluster.crash(lost, 'lost');
  expect(await one.end(true)).toBe('NONE');
  await cluster.until(() => [0, 1, 2].every((partition) => cluster.partition(topicId, partition).leader !== lost));
  await cluster.simulation.runFor(3000);
  expect([await committed(all, 0), await committed(all, 1), await committed(all, 2)]).toEqual([['a0'], ['a1'], ['a2']]);
  await cluster.restart(lost);
});

describe.each([1, 2])('a coordinator of a group that loses power (seed %i)', (seed) => {
  /** The group is at 1, and a transaction is about to move it on to 5. */
  async function pending() {
    const all = await fixture(seed);
    expect(await asked(all, { topicId: all.offsetsId }, (client) => adminCommit(client, atOne(all)))).toBe(0);
    const one = await PatientProducer.begin(all);
    expect(await one.commitOffset(5)).toBe('NONE');
    return { all, one };
  }
  const atOne = ({ topicId }: Fixture) => ({ topicId, offset: 1 });

  test('with offsets of an open transaction is followed by one that tells them when it is committed, not before', async () => {
    const { all, one } = await pending();
    const lost = await crashLeader(all, all.offsetsId);
    expect([await groupOffset(all, false), await groupOffset(all, true)]).toEqual([1, 'UNSTABLE_OFFSET_COMMIT']);
    await all.cluster.restart(lost);
    await all.cluster.simulation.runFor(2000);
    expect([await groupOffset(all, false), await groupOffset(all, true)]).toEqual([1, 'UNSTABLE_OFFSET_COMMIT']);
    expect(await one.end(true)).toBe('NONE');
    expect(await stableOffset(all)).toBe(5);
    // And the one after that knows nothing else.
    await crashLeader(all, all.offsetsId);
    expect(await stableOffset(all)).toBe(5);
  });

  test('with offsets of an open transaction is followed by one that never tells them when it is aborted', async () => {
    const { all, one } = await pending();
    const lost = await crashLeader(all, all.offsetsId);
    expect(await one.end(false)).toBe('NONE');
    expect(await stableOffset(all)).toBe(1);
    await all.cluster.restart(lost);
    await all.cluster.until(() => all.cluster.isHealed(all.offsetsId));
    await crashLeader(all, all.offsetsId);
    expect([await groupOffset(all, false), await stableOffset(all)]).toEqual([1, 1]);
    expect(await one.commitOffset(7)).toBe('NONE');
    expect(await one.end(true)).toBe('NONE');
    expect(await stableOffset(all)).toBe(7);
  });

  test('while the end of a transaction is on its way to it is followed by one that hears of that end', async () => {
    for (const delayMs of [0, 2]) {
      for (const isCommitted of [true, false]) {
        const { all, one } = await pending();
        const { cluster, offsetsId } = all;
        const lost = cluster.partition(offsetsId).leader;
        const ended = one.end(isCommitted);
        cluster.simulation.environment('breaker').clock.schedule(delayMs, () => cluster.crash(lost, 'lost'));
        expect(await ended).toBe('NONE');
        await cluster.until(() => cluster.partition(offsetsId).leader !== lost);
        expect(await stableOffset(all)).toBe(isCommitted ? 5 : 1);
      }
    }
  });
});
