import { initProducerIdApi, metadataApi, produceApi } from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { metadata, ordersId, ScriptedServer, topicEntry } from '../../client/test/scripted-server.js';
import { Producer } from '../src/index.js';

const node1 = { nodeId: 1, host: 'node1', port: 7400, rack: null };
const node2 = { nodeId: 2, host: 'node2', port: 7400, rack: null };

test('a leader that the newest answer does not list as alive is asked for again, not waited for', async () => {
  const simulation = new Simulation({ seed: 5 });
  const first = await simulation.complete(ScriptedServer.listen(simulation.environment('node1'), { nodeId: 1 }));
  const second = await simulation.complete(ScriptedServer.listen(simulation.environment('node2'), { nodeId: 2 }));
  const topic = topicEntry('orders', [{ leader: 2, leaderEpoch: 3 }]);
  // Node 1 has just started, and read its metadata only up to where node 2 was away.
  let lag = 1;
  first.on(metadataApi, ({ reply }) =>
    reply(metadata({ nodes: lag-- > 0 ? [node1] : [node1, node2], topics: [topic] })),
  );
  first.on(initProducerIdApi, ({ reply }) => reply({ error: 0, message: null, producerId: 7, producerEpoch: 0 }));
  second.on(produceApi, ({ reply }) =>
    reply({
      partitions: [
        {
          topicId: ordersId,
          partition: 0,
          error: 0,
          message: null,
          baseOffset: 41,
          logAppendTimeMs: -1,
          logStartOffset: 0,
        },
      ],
    }),
  );
  const producer = new Producer({ bootstrap: 'node1:7400', environment: simulation.environment('client') });
  const delivery = producer.send({ topic: 'orders', value: 'a' });
  const startedMs = simulation.environment('client').clock.monotonicMs();
  expect(await simulation.complete(delivery.then(({ offset }) => offset))).toBe(41);
  expect(simulation.environment('client').clock.monotonicMs() - startedMs).toBeLessThan(5000);
  await simulation.complete(producer.close());
});

test('a partition that the asked node has not heard of yet is asked for again; records behind it keep their order', async () => {
  const simulation = new Simulation({ seed: 6 });
  const server = await simulation.complete(ScriptedServer.listen(simulation.environment('node1'), { nodeId: 1 }));
  const leader = { leader: 1, leaderEpoch: 0 };
  let lag = 2;
  server.on(metadataApi, ({ reply }) =>
    reply(metadata({ nodes: [node1], topics: [topicEntry('orders', lag-- > 0 ? [leader] : [leader, leader])] })),
  );
  server.on(initProducerIdApi, ({ reply }) => reply({ error: 0, message: null, producerId: 7, producerEpoch: 0 }));
  const ends = [0, 0];
  server.on(produceApi, ({ body, reply }) =>
    reply({
      partitions: body.partitions.map(({ topicId, partition }) => {
        const baseOffset = ends[partition] ?? 0;
        ends[partition] = baseOffset + 1;
        return { topicId, partition, error: 0, message: null, baseOffset, logAppendTimeMs: -1, logStartOffset: 0 };
      }),
    }),
  );
  const environment = simulation.environment('client');
  const producer = new Producer({ bootstrap: 'node1:7400', environment, batchBytes: 256 });
  const sent = [1, 0, 1].map((partition) => producer.send({ topic: 'orders', partition, value: 'x'.repeat(200) }));
  const places = await simulation.complete(Promise.all(sent.map(async (each) => each)));
  expect(places.map(({ partition, offset }) => [partition, offset])).toEqual([
    [1, 0],
    [0, 0],
    [1, 1],
  ]);

  const refused = await simulation.complete(
    producer.send({ topic: 'orders', partition: 2, value: 'a' }).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  expect(refused).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  await simulation.complete(producer.close());
});

test('what a record waited for its topic counts toward its delivery timeout', async () => {
  const simulation = new Simulation({ seed: 7 });
  const server = await simulation.complete(ScriptedServer.listen(simulation.environment('node1'), { nodeId: 1 }));
  const environment = simulation.environment('client');
  const { clock } = environment;
  const topics = [topicEntry('orders', [{ leader: 1, leaderEpoch: 0 }])];
  server.on(metadataApi, ({ reply }) => clock.schedule(700, () => reply(metadata({ nodes: [node1], topics }))));
  // Nobody ever answers what is produced.
  server.on(produceApi, () => undefined);
  const options = { idempotent: false, deliveryTimeoutMs: 1000, requestTimeoutMs: 1000 };
  const producer = new Producer({ bootstrap: 'node1:7400', environment, ...options });
  const startedMs = clock.monotonicMs();
  const outcome = producer.send({ topic: 'orders', value: 'a' }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(await simulation.complete(outcome)).toMatchObject({ code: 'REQUEST_TIMED_OUT' });
  expect(clock.monotonicMs() - startedMs).toBeLessThan(1100);
  await simulation.complete(producer.close());
});
