import { describe, expect, test } from 'vitest';
import {
  defaultTransactionSettings,
  type TransactionSettings,
} from '../../../src/coordinator/transaction/transaction-settings.js';
import { NodeFixture, offsetAt } from '../../node-fixture.js';
import {
  readCommitted,
  ScriptedProducer,
  type ScriptedProducerOptions,
  transactionCoordinatorOf,
} from './scripted-producer.js';

async function fixture(transactions: Partial<TransactionSettings> = {}) {
  const settings = { transactions: { ...defaultTransactionSettings, ...transactions } };
  const node = await NodeFixture.start({ settings });
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
});
