/** Signs of life, over the simulated network: connections whose peer is gone although nobody said so. */
import { fetchApi, pingApi, raftMessageApi, servedVersions, SlabPool, type FetchRequest } from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Connection, DeadlineQueue, type ConnectionOptions } from '../src/index.js';
import { campaign, ScriptedServer } from './scripted-server.js';

const request: FetchRequest = { maxWaitMs: 0, minBytes: 0, maxBytes: 1, isolation: 'read-committed', partitions: [] };

let simulation: Simulation;
let server: ScriptedServer;
let closed: { readonly error: Error; readonly atMs: number }[];

beforeEach(async () => {
  simulation = new Simulation({ seed: 2 });
  closed = [];
  server = await simulation.complete(
    ScriptedServer.listen(simulation.environment('node1'), { hello: { apis: servedVersions('internal') } }),
  );
  server.on(pingApi, ({ reply }) => reply({}));
  server.on(raftMessageApi, () => undefined);
});

function open(host = 'node1'): Promise<Connection> {
  const environment = simulation.environment('client');
  const options: ConnectionOptions = {
    environment,
    address: { host, port: 7400 },
    clientId: 'test',
    connectTimeoutMs: 5000,
    requestTimeoutMs: 600_000,
    maxFrameBytes: 1_000_000,
    maxInFlight: 2,
    maxWaiting: 20,
    deadlines: new DeadlineQueue(environment.clock),
    slabs: new SlabPool(),
    onClose: (error) => closed.push({ error, atMs: simulation.nowMs }),
  };
  return simulation.complete(Connection.open(options));
}

function fetching(connection: Connection): Promise<unknown> {
  const api = { ...fetchApi, key: pingApi.key + 1000 };
  server.on(api, () => undefined);
  Object.assign(connection.hello, { apis: [...connection.hello.apis, { key: api.key, min: 0, max: 0 }] });
  return connection.send(api, request).catch((error: unknown) => error);
}

function pings(): number {
  return server.requests.filter((name) => name === 'Ping').length;
}

test('a peer that is cut off costs five seconds, not the time of the request', async () => {
  const connection = await open();
  const result = fetching(connection);
  await simulation.runFor(500);
  simulation.network.partition(['client'], ['node1']);
  const error = await simulation.complete(result);
  expect(error).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
  expect((error as Error).message).toContain('no sign of life');
  expect(closed[0]?.atMs).toBeGreaterThan(4900);
  expect(closed[0]?.atMs).toBeLessThan(5600);
});

test('a peer that was stopped is given up too, and one that goes on in time is not', async () => {
  const connection = await open();
  const result = fetching(connection);
  simulation.pause('node1');
  await simulation.runFor(4000);
  simulation.resume('node1');
  await simulation.runFor(20_000);
  expect(closed).toEqual([]);
  simulation.pause('node1');
  await simulation.complete(result);
  expect(closed).toHaveLength(1);
});

test('a peer that lives and only takes long to answer is asked now and then, and kept', async () => {
  const connection = await open();
  void fetching(connection);
  void fetching(connection);
  await simulation.runFor(60_000);
  expect(connection.isClosed).toBe(false);
  expect(pings()).toBeGreaterThan(15);
  expect(pings()).toBeLessThan(31);
});

test('messages without replies notice a dead peer as well', async () => {
  const connection = await open();
  const { clock } = simulation.environment('client');
  const beat = (): void => {
    if (connection.post(raftMessageApi, campaign)) clock.schedule(150, beat);
  };
  beat();
  await simulation.runFor(10_000);
  expect(connection.isClosed).toBe(false);
  simulation.network.partition(['client'], ['node1']);
  await simulation.runFor(6000);
  expect(connection.isClosed).toBe(true);
});

test('a connection that nobody uses is not asked, and holds no timer', async () => {
  await open();
  await simulation.runFor(100);
  const before = simulation.eventsRun;
  await simulation.runFor(3_600_000);
  expect(simulation.eventsRun).toBe(before);
  expect(pings()).toBe(0);
});

test('after the last reply it falls quiet again', async () => {
  const connection = await open();
  server.on(fetchApi, ({ reply }) => reply({ partitions: [] }));
  await simulation.complete(connection.send(pingApi, {}));
  await simulation.runFor(10_000);
  const before = simulation.eventsRun;
  await simulation.runFor(3_600_000);
  expect(simulation.eventsRun).toBe(before);
});

test('our own pause is not taken for the death of the peer', async () => {
  const connection = await open();
  for (const [from, to] of [
    ['client', 'node1'],
    ['node1', 'client'],
  ] as const) {
    simulation.network.configureLink(from, to, { delayMinMs: 300, delayMaxMs: 301 });
  }
  void fetching(connection);
  await simulation.runFor(2350);
  simulation.pause('client');
  await simulation.runFor(60_000);
  simulation.resume('client');
  await simulation.runFor(10_000);
  expect(connection.isClosed).toBe(false);
});

test('a node without Ping is not asked', async () => {
  const apis = servedVersions('internal').filter(({ key }) => key !== pingApi.key);
  server = await simulation.complete(ScriptedServer.listen(simulation.environment('node2'), { hello: { apis } }));
  const connection = await open('node2');
  void fetching(connection);
  await simulation.runFor(60_000);
  expect(connection.isClosed).toBe(false);
  expect(pings()).toBe(0);
});
