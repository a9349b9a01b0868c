import { errorCode, sleep } from '@millrace/base';
import { describe, expect, test } from 'vitest';
import { batchOf, fetchFrom, NodeFixture, produce } from './node-fixture.js';
import type { RawClient } from './raw-client.js';

async function allValues(node: NodeFixture, client: RawClient, topicId: string, partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const entry = { topicId, partition, offset: values.length };
    const read = await node.complete(fetchFrom(client, [entry], { maxBytes: 20_000 }));
    const part = read.values[0] ?? [];
    if (part.length === 0) return values;
    values.push(...part);
  }
}

/**
 * One run: a writer keeps some requests in flight, and the node loses power or is killed at some moment, again and
 * again. Returns the hash of everything that happened.
 */
async function crashes(seed: number): Promise<string> {
  const node = await NodeFixture.start({ seed, link: { delayMinMs: 0.05, delayMaxMs: 0.2 } });
  // Syncs that take long beside the network: an acknowledgement that comes too early reaches its writer.
  node.simulation.setDiskLatency('node', { minMs: 1, maxMs: 8 });
  const random = node.simulation.random.stream('test');
  let client = await node.client();
  const topicId = await node.topic(client, 'orders', 2);
  const acknowledged: string[][] = [[], []];
  let counter = 0;
  for (let life = 0; life < 3; life++) {
    const writer = client;
    const { clock } = node.simulation.environment('client');
    let isRunning = true;
    const write = async (partition: number): Promise<void> => {
      while (isRunning) {
        const values = Array.from({ length: random.integer(1, 4) }, () => `${partition}-${counter++}`);
        const [result] = await produce(writer, [{ topicId, partition, batch: batchOf(values) }]);
        if (result?.error === 0) acknowledged[partition]!.push(...values);
        // Without pauses of their own, writers fall into step with the syncs, and never wait for two of them.
        await sleep(clock, random.integer(0, 6));
      }
    };
    const writers = [0, 1, 0, 1, 0, 1].map((partition) =>
      write(partition).catch((error: unknown) => expect(errorCode(error)).toBe('NETWORK_EXCEPTION')),
    );
    await node.simulation.runFor(random.integer(1, 120));
    isRunning = false;
    if (random.fraction() < 0.3) node.simulation.kill('node');
    else node.simulation.crash('node', 'random');
    writer.close();
    await node.complete(Promise.all(writers));
    await node.startNode(node.simulation.restart('node'));
    client = await node.client();
    for (const partition of [0, 1]) {
      const stored = await allValues(node, client, topicId, partition);
      expect(new Set(stored).size).toBe(stored.length);
      const missing = acknowledged[partition]!.filter((value) => !stored.includes(value));
      expect(missing).toEqual([]);
      // Nothing that was once read may go: the next life starts from what this one had.
      acknowledged[partition] = stored;
    }
  }
  await node.stop();
  expect(counter).toBeGreaterThan(10);
  return node.simulation.traceHash();
}

describe('a node that loses power or is killed under load', () => {
  test.each(Array.from({ length: 12 }, (_, index) => index + 1))(
    'loses nothing that it acknowledged or served (seed %i)',
    async (seed) => {
      await crashes(seed);
    },
  );

  test('does the same again with the same seed', async () => {
    expect(await crashes(5)).toBe(await crashes(5));
    expect(await crashes(6)).not.toBe(await crashes(5));
  });
});

describe('a graceful stop', () => {
  test('answers what waits, syncs, marks a clean stop, and nothing is lost', async () => {
    const node = await NodeFixture.start();
    const client = await node.client();
    const reader = await node.client(7400, 'reader');
    const topicId = await node.topic(client, 'orders');
    node.simulation.setDiskLatency('node', { minMs: 100, maxMs: 100 });
    const pending = fetchFrom(reader, [{ topicId, offset: 0 }], { maxWaitMs: 60_000, minBytes: 10_000 });
    await node.simulation.runFor(20);
    const produced = produce(client, [{ topicId, batch: batchOf(['last']) }]);
    await node.simulation.runFor(20);
    const stopping = node.shutDown();
    expect((await node.complete(produced))[0]).toMatchObject({ error: 0, baseOffset: 0 });
    expect((await node.complete(pending)).partitions[0]?.error).toBe(0);
    await node.complete(stopping);
    expect(node.simulation.nowMs).toBeLessThan(20_000);
    await node.complete(client.closed.promise);

    node.simulation.crash('node', 'lost');
    await node.startNode(node.simulation.restart('node'));
    expect(node.logDirectory.cleanStop).toBeDefined();
    const again = await node.client();
    expect(await allValues(node, again, topicId, 0)).toEqual(['last']);
  });

  test('does not wait for ever for a peer that reads nothing', async () => {
    const node = await NodeFixture.start({ settings: { shutdownMs: 3000 }, highWaterMarkBytes: 1000 });
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    await node.complete(produce(client, [{ topicId, batch: batchOf(['x'.repeat(100_000)]) }]));
    const reader = await node.client(7400, 'reader');
    reader.socket.pause();
    node.simulation.network.cut('node', 'reader');
    fetchFrom(reader, [{ topicId, offset: 0 }]).catch(() => undefined);
    await node.simulation.runFor(100);
    const startMs = node.simulation.nowMs;
    await node.stop();
    expect(node.simulation.nowMs - startMs).toBeLessThan(4000);
  });

  test('a node that was killed has no mark of a clean stop', async () => {
    const node = await NodeFixture.start();
    node.simulation.kill('node');
    await node.startNode(node.simulation.restart('node'));
    expect(node.logDirectory.cleanStop).toBeUndefined();
  });
});
