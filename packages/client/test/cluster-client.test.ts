import { getEventListeners } from 'node:events';
import { errorCode, type Environment } from '@millrace/base';
import { createTopicsApi, fetchApi, metadataApi, type FetchRequest, type MetadataRequest } from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ClusterClient, withRetries, type ClientOptions } from '../src/index.js';
import { metadata, missingTopic, ordersId, ScriptedServer, topicEntry } from './scripted-server.js';

const fetchRequest: FetchRequest = {
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1,
  isolation: 'read-committed',
  partitions: [],
};
const anyMetadata: MetadataRequest = { topics: null, allowAutoCreate: false, includeInternal: false };
const twoNodes = [
  { nodeId: 1, host: 'node1', port: 7400, rack: null },
  { nodeId: 2, host: 'node2', port: 7400, rack: null },
];

let simulation: Simulation;
let node1: ScriptedServer;
let node2: ScriptedServer;
const clients: ClusterClient[] = [];

beforeEach(async () => {
  simulation = new Simulation({ seed: 3 });
  node1 = await simulation.complete(ScriptedServer.listen(simulation.environment('node1'), { nodeId: 1 }));
  node2 = await simulation.complete(ScriptedServer.listen(simulation.environment('node2'), { nodeId: 2 }));
  for (const server of [node1, node2]) server.setMetadata(metadata({ nodes: twoNodes }));
  answerFetch(node1, 'from node 1');
  answerFetch(node2, 'from node 2');
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
});

function answerFetch(server: ScriptedServer, text: string): void {
  server.on(fetchApi, ({ reply }) => reply({ partitions: [] }, [Buffer.from(text)]));
}

function create(options: Partial<ClientOptions> = {}): ClusterClient {
  const environment: Environment = simulation.environment('client');
  const client = new ClusterClient({ bootstrap: 'node1:7400', environment, requestTimeoutMs: 1000, ...options });
  clients.push(client);
  return client;
}

async function fetchFrom(client: ClusterClient, node: number): Promise<string> {
  const { payload } = await simulation.complete(client.call({ node }, fetchApi, fetchRequest));
  return Buffer.from(payload).toString();
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('it did not fail');
}

function failure(promise: Promise<unknown>): Promise<Error> {
  return simulation.complete(errorOf(promise));
}

test('it finds the cluster through any bootstrap address that works', async () => {
  const client = create({ bootstrap: ['nowhere:7400', 'node1:9999', 'node2:7400'] });
  const reply = await simulation.complete(client.call('any', metadataApi, anyMetadata));
  expect(reply.body.clusterId).toBe('cluster-a');
  expect(client.clusterId).toBe('cluster-a');
});

test('when no address works it says which and why', async () => {
  const client = create({ bootstrap: 'node1:9999' });
  const error = await failure(client.call('any', metadataApi, anyMetadata));
  expect(error).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
  expect(error.message).toContain('node1:9999');
});

test('the bootstrap connection serves its node: one node, one connection', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  expect(await fetchFrom(client, 1)).toBe('from node 1');
  expect(node1.connections).toBe(1);
  expect(node2.connections).toBe(0);
});

test('each node gets its own connection, opened when it is needed and shared by all requests', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  const payloads = await simulation.complete(
    Promise.all([2, 2, 2].map((node) => client.call({ node }, fetchApi, fetchRequest))),
  );
  expect(payloads.map(({ payload }) => Buffer.from(payload).toString())).toEqual(new Array(3).fill('from node 2'));
  expect(node2.connections).toBe(1);
});

test('requests made while the connection opens are sent in their order, before later ones', async () => {
  const order: number[] = [];
  node2.on(fetchApi, ({ body, reply }) => {
    order.push(body.maxBytes);
    reply({ partitions: [] });
  });
  const client = create();
  await simulation.complete(client.refresh());
  let sent = 0;
  const next = (): Promise<unknown> => client.call({ node: 2 }, fetchApi, { ...fetchRequest, maxBytes: sent++ });
  const early = [next(), next(), next()];
  const late = simulation.environment('client').clock;
  for (let delayMs = 0; delayMs < 10; delayMs += 0.05) late.schedule(delayMs, () => early.push(next()));
  await simulation.runFor(100);
  await simulation.complete(Promise.all(early));
  expect(order).toEqual(Array.from({ length: sent }, (_, index) => index));
});

test('a node that the metadata does not have is BROKER_NOT_AVAILABLE', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  expect(await failure(client.call({ node: 9 }, fetchApi, fetchRequest))).toMatchObject({
    code: 'BROKER_NOT_AVAILABLE',
    retriable: true,
  });
});

test('an address where another node answers is refused as old metadata', async () => {
  const wrong = twoNodes.map((node) => (node.nodeId === 2 ? { ...node, nodeId: 5 } : node));
  node1.setMetadata(metadata({ nodes: wrong }));
  const client = create();
  await simulation.complete(client.refresh());
  const error = await failure(client.call({ node: 5 }, fetchApi, fetchRequest));
  expect(errorCode(error)).toBe('BROKER_NOT_AVAILABLE');
  expect(error.message).toContain('answers as node 2');
});

test('a second cluster among the addresses is refused', async () => {
  await simulation.complete(
    ScriptedServer.listen(simulation.environment('stranger'), { nodeId: 2, hello: { clusterId: 'cluster-b' } }),
  );
  node1.setMetadata(
    metadata({ nodes: [...twoNodes.slice(0, 1), { nodeId: 2, host: 'stranger', port: 7400, rack: null }] }),
  );
  const client = create();
  await simulation.complete(client.refresh());
  expect(errorCode(await failure(client.call({ node: 2 }, fetchApi, fetchRequest)))).toBe('INCONSISTENT_CLUSTER_ID');
});

test('it connects again after the connection broke', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  node1.dropConnections();
  await simulation.runFor(10);
  expect(await fetchFrom(client, 1)).toBe('from node 1');
  expect(node1.connections).toBe(2);
});

test('a node that accepts and hangs up is called with growing pauses', async () => {
  node2.on(fetchApi, ({ socket }) => socket.destroy());
  const client = create();
  await simulation.complete(client.refresh());
  const until = simulation.nowMs + 10_000;
  let calls = 0;
  while (simulation.nowMs < until) {
    calls += 1;
    await failure(client.call({ node: 2 }, fetchApi, fetchRequest, [], { timeoutMs: 5000 }));
  }
  // 50, 100, 200, 400, 800 ms and then a second each: without pauses it would be thousands.
  expect(calls).toBeGreaterThan(8);
  expect(calls).toBeLessThan(20);
});

test('a new address of a node is used for the next connection', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  expect(await fetchFrom(client, 2)).toBe('from node 2');
  const moved = await simulation.complete(ScriptedServer.listen(simulation.environment('node3'), { nodeId: 2 }));
  answerFetch(moved, 'from node 2, moved');
  node1.setMetadata(
    metadata({ nodes: [...twoNodes.slice(0, 1), { nodeId: 2, host: 'node3', port: 7400, rack: null }] }),
  );
  await simulation.complete(node2.close());
  await simulation.runFor(100);
  await simulation.complete(client.refresh());
  expect(await fetchFrom(client, 2)).toBe('from node 2, moved');
});

test('a topic is asked for once, however many want it, and then known', async () => {
  node1.setMetadata(metadata({ topics: [topicEntry('orders', [{ leader: 1, leaderEpoch: 4 }])] }));
  const client = create();
  const topics = await simulation.complete(Promise.all(Array.from({ length: 50 }, () => client.topic('orders'))));
  expect(new Set(topics.map(({ topicId }) => topicId))).toEqual(new Set([ordersId]));
  expect(node1.requests.filter((name) => name === 'Metadata')).toHaveLength(1);
  expect(client.cachedTopicById(ordersId)?.name).toBe('orders');
  expect(client.cachedLeader('orders', 0)).toEqual({ node: 1, leaderEpoch: 4 });
});

test('wishes that come while a refresh is under way share one more, which began after them', async () => {
  const held: (() => void)[] = [];
  node1.on(metadataApi, ({ body, reply }) =>
    held.push(() => reply(metadata({ topics: (body.topics ?? []).map(({ name }) => topicEntry(name ?? '', [])) }))),
  );
  const client = create();
  const first = client.refresh(['a']);
  await simulation.runFor(100);
  const others = Promise.all([client.refresh(['b']), client.refresh(['c']), client.refresh(['b'])]);
  await simulation.runFor(100);
  expect(held).toHaveLength(1);
  held[0]?.();
  await simulation.complete(first);
  await simulation.runFor(100);
  expect(held).toHaveLength(2);
  held[1]?.();
  await simulation.complete(others);
  expect(client.cachedTopic('c')?.name).toBe('c');
});

test('an unknown topic rejects with the error of the cluster, and is asked for again next time', async () => {
  node1.setMetadata(metadata({ topics: [missingTopic('orders')] }));
  const client = create();
  expect(await failure(client.topic('orders'))).toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: true });
  node1.setMetadata(metadata({ topics: [topicEntry('orders', [{ leader: 1, leaderEpoch: 0 }])] }));
  expect((await simulation.complete(client.topic('orders'))).partitions).toHaveLength(1);
});

test('topics are created on the way only when that is asked for', async () => {
  const asked: boolean[] = [];
  node1.on(metadataApi, ({ body, reply }) => {
    asked.push(body.allowAutoCreate);
    reply(metadata({ topics: [body.allowAutoCreate ? topicEntry('orders', []) : missingTopic('orders')] }));
  });
  const client = create();
  await failure(client.topic('orders'));
  await simulation.complete(client.topic('orders', { allowAutoCreate: true }));
  expect(asked).toEqual([false, true]);
});

test('requests to a leader follow it when it moves', async () => {
  const leadBy = (leader: number, leaderEpoch: number): void => {
    for (const server of [node1, node2]) {
      server.setMetadata(metadata({ nodes: twoNodes, topics: [topicEntry('orders', [{ leader, leaderEpoch }])] }));
    }
  };
  const fetchFromLeader = async (client: ClusterClient): Promise<string> => {
    const call = client.call({ leader: ['orders', 0] }, fetchApi, fetchRequest);
    return Buffer.from((await simulation.complete(call)).payload).toString();
  };
  const client = create();
  leadBy(1, 1);
  expect(await fetchFromLeader(client)).toBe('from node 1');
  leadBy(2, 2);
  await simulation.complete(client.refresh(['orders']));
  expect(await fetchFromLeader(client)).toBe('from node 2');
  // A node that lags behind cannot take it back.
  leadBy(1, 1);
  await simulation.complete(client.refresh(['orders']));
  expect(await fetchFromLeader(client)).toBe('from node 2');
});

test('a failure that speaks of old metadata refreshes it in the background, any other does not', async () => {
  const questions = (): number => [...node1.requests, ...node2.requests].filter((name) => name === 'Metadata').length;
  const client = create();
  await simulation.complete(client.refresh());
  client.noteError(await failure(client.call({ node: 9 }, fetchApi, fetchRequest)), ['orders']);
  await simulation.runFor(100);
  expect(questions()).toBe(2);
  client.noteError(new Error('a bug'), ['orders']);
  await simulation.runFor(100);
  expect(questions()).toBe(2);
});

test('partitions without a leader or beyond the last are typed errors', async () => {
  node1.setMetadata(metadata({ topics: [topicEntry('orders', [{ leader: -1, leaderEpoch: 3 }])] }));
  const client = create();
  expect(errorCode(await failure(client.leader('orders', 0)))).toBe('LEADER_NOT_AVAILABLE');
  expect(errorCode(await failure(client.leader('orders', 1)))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  expect(client.cachedLeader('orders', 0)).toBeUndefined();
});

test('old metadata is used and refreshed behind the scenes', async () => {
  node1.setMetadata(metadata({ topics: [topicEntry('orders', [{ leader: 1, leaderEpoch: 0 }])] }));
  const client = create({ metadataMaxAgeMs: 10_000 });
  await simulation.complete(client.topic('orders'));
  await simulation.runFor(9000);
  await simulation.complete(client.topic('orders'));
  expect(node1.requests.filter((name) => name === 'Metadata')).toHaveLength(1);
  await simulation.runFor(2000);
  expect((await simulation.complete(client.topic('orders'))).name).toBe('orders');
  await simulation.runFor(100);
  expect(node1.requests.filter((name) => name === 'Metadata')).toHaveLength(2);
});

test('the controller is found by metadata', async () => {
  const request = { topics: [], timeoutMs: 100, validateOnly: false };
  node1.setMetadata(metadata({ nodes: twoNodes, controllerId: 2 }));
  node2.on(createTopicsApi, ({ reply }) => reply({ topics: [] }));
  const client = create();
  await simulation.complete(client.call('controller', createTopicsApi, request));
  expect(node2.requests).toContain('CreateTopics');

  node1.setMetadata(metadata({ controllerId: -1 }));
  const other = create();
  expect(errorCode(await failure(other.call('controller', createTopicsApi, request)))).toBe('NOT_CONTROLLER');
});

const createRequest = { topics: [], timeoutMs: 100, validateOnly: false };

test('a controller that is no broker is reached through any broker', async () => {
  for (const server of [node1, node2]) server.setMetadata(metadata({ nodes: twoNodes, controllerId: 9 }));
  node1.on(createTopicsApi, ({ reply }) => reply({ topics: [] }));
  await simulation.complete(create().call('controller', createTopicsApi, createRequest));
  expect(node1.requests).toContain('CreateTopics');
});

test('a request for the controller follows it through an election', async () => {
  for (const server of [node1, node2]) server.setMetadata(metadata({ nodes: twoNodes, controllerId: 1 }));
  const notController: string[] = [];
  node1.on(createTopicsApi, ({ fail }) => {
    notController.push('node1');
    // Nobody leads for a while, then the other node does.
    for (const server of [node1, node2]) server.setMetadata(metadata({ nodes: twoNodes, controllerId: -1 }));
    fail(41, 'node 1 is not the controller');
  });
  node2.on(createTopicsApi, ({ reply }) => reply({ topics: [] }));
  const client = create();
  simulation.after(1000, () => {
    for (const server of [node1, node2]) server.setMetadata(metadata({ nodes: twoNodes, controllerId: 2 }));
  });
  await simulation.complete(
    withRetries(client, { timeoutMs: 5000 }, (attempt) =>
      client.call('controller', createTopicsApi, createRequest, [], attempt),
    ),
  );
  expect(notController).toEqual(['node1']);
  expect(simulation.nowMs).toBeGreaterThan(1000);
  expect(simulation.nowMs).toBeLessThan(3000);
});

test('without a controller a request for it ends in NOT_CONTROLLER when its time is up', async () => {
  for (const server of [node1, node2]) server.setMetadata(metadata({ nodes: twoNodes, controllerId: -1 }));
  const client = create();
  const error = await failure(
    withRetries(client, { timeoutMs: 3000 }, (attempt) =>
      client.call('controller', createTopicsApi, createRequest, [], attempt),
    ),
  );
  expect(error).toMatchObject({ code: 'NOT_CONTROLLER', retriable: true });
  expect(simulation.nowMs).toBeLessThan(3100);
});

test('bootstrap addresses that are down or cut off cost half a second each, whichever they are', async () => {
  simulation.network.cut('client', 'node1');
  for (let attempt = 0; attempt < 6; attempt += 1) {
    const client = create({ bootstrap: ['node1:7400', 'node2:9999', 'node2:7400'], requestTimeoutMs: 30_000 });
    const startedMs = simulation.nowMs;
    await simulation.complete(client.refresh());
    expect(simulation.nowMs - startedMs).toBeLessThan(600);
    expect(client.nodes).toHaveLength(2);
  }
});

test('when all bootstrap nodes have gone the rest of the cluster is enough', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  await simulation.complete(node1.close());
  for (let attempt = 0; attempt < 3; attempt += 1) await simulation.complete(client.refresh());
  expect(node2.requests.filter((name) => name === 'Metadata').length).toBe(3);
});

test('a node that was cut off while connected does not hold up the metadata', async () => {
  const client = create({ requestTimeoutMs: 30_000 });
  await simulation.complete(client.refresh());
  simulation.network.partition(['client'], ['node1']);
  const startedMs = simulation.nowMs;
  await simulation.complete(client.refresh());
  expect(simulation.nowMs - startedMs).toBeLessThan(1100);
});

test('a node with old metadata is not asked again after its word proved wrong', async () => {
  const leadBy = (leader: number, leaderEpoch: number) =>
    metadata({ nodes: twoNodes, topics: [topicEntry('orders', [{ leader, leaderEpoch }])] });
  // Node 1 is cut off from the others and for ever believes that it leads.
  node1.setMetadata(leadBy(1, 1));
  node2.setMetadata(leadBy(2, 2));
  node1.on(fetchApi, ({ fail }) => fail(6, 'node 1 does not lead'));
  const client = create();
  const { payload } = await simulation.complete(
    withRetries(client, { timeoutMs: 5000, topics: ['orders'] }, (attempt) =>
      client.call({ leader: ['orders', 0] }, fetchApi, fetchRequest, [], attempt),
    ),
  );
  expect(Buffer.from(payload).toString()).toBe('from node 2');
  expect(node1.requests.filter((name) => name === 'Fetch')).toHaveLength(1);
  // Whom it asks later does not matter: the older epoch loses.
  await simulation.complete(client.refresh(['orders']));
  await simulation.complete(client.refresh(['orders']));
  expect(client.cachedLeader('orders', 0)).toEqual({ node: 2, leaderEpoch: 2 });
});

test('a node that knows of no brokers yet is passed over, and nothing is forgotten for it', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  await fetchFrom(client, 2);
  node1.setMetadata(metadata({ nodes: [] }));
  for (let attempt = 0; attempt < 4; attempt += 1) await simulation.complete(client.refresh());
  expect(client.nodes).toHaveLength(2);
  node2.setMetadata(metadata({ nodes: [] }));
  expect(await failure(client.refresh())).toMatchObject({ code: 'BROKER_NOT_AVAILABLE', retriable: true });
  expect(await fetchFrom(client, 2)).toBe('from node 2');
});

test('a node without a cluster is no bootstrap node', async () => {
  const environment = simulation.environment('node3');
  await simulation.complete(ScriptedServer.listen(environment, { nodeId: 3, hello: { clusterId: null } }));
  const error = await failure(create({ bootstrap: 'node3:7400' }).refresh());
  expect(error).toMatchObject({ code: 'BROKER_NOT_AVAILABLE', retriable: true });
  const client = create({ bootstrap: ['node3:7400', 'node1:7400'] });
  await simulation.complete(client.refresh());
  expect(client.clusterId).toBe('cluster-a');
});

test('a node that moved while it was being called is found at its new address', async () => {
  const moved = await simulation.complete(ScriptedServer.listen(simulation.environment('node3'), { nodeId: 2 }));
  answerFetch(moved, 'from the new address');
  const client = create({ requestTimeoutMs: 30_000 });
  await simulation.complete(client.refresh());
  simulation.network.cut('client', 'node2');
  const call = client.call({ node: 2 }, fetchApi, fetchRequest);
  await simulation.runFor(100);
  const nodes = [twoNodes[0], { nodeId: 2, host: 'node3', port: 7400, rack: null }].filter(
    (node) => node !== undefined,
  );
  node1.setMetadata(metadata({ nodes }));
  await simulation.complete(client.refresh());
  expect(Buffer.from((await simulation.complete(call)).payload).toString()).toBe('from the new address');
  expect(simulation.nowMs).toBeLessThan(1000);
});

test('the time limit of a call covers connecting', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  simulation.network.cut('client', 'node2');
  const startedMs = simulation.nowMs;
  const error = await failure(client.call({ node: 2 }, fetchApi, fetchRequest, [], { timeoutMs: 200 }));
  expect(errorCode(error)).toBe('REQUEST_TIMED_OUT');
  expect(simulation.nowMs - startedMs).toBeLessThan(250);
});

test('a call can be aborted while it connects, without harm to others that wait for the same connection', async () => {
  const client = create({ requestTimeoutMs: 5000 });
  await simulation.complete(client.refresh());
  simulation.network.cut('client', 'node2');
  const abort = new AbortController();
  const aborted = errorOf(client.call({ node: 2 }, fetchApi, fetchRequest, [], { signal: abort.signal }));
  const other = client.call({ node: 2 }, fetchApi, fetchRequest);
  await simulation.runFor(50);
  abort.abort(new Error('enough'));
  expect((await simulation.complete(aborted)).message).toBe('enough');
  simulation.network.heal();
  await simulation.complete(other);
});

test('many calls share one signal as one listener, while they connect and while they wait, and all end with it', async () => {
  const client = create({ requestTimeoutMs: 5000 });
  await simulation.complete(client.refresh());
  node1.on(fetchApi, () => undefined);
  simulation.network.cut('client', 'node2');
  const abort = new AbortController();
  const call = (node: number): Promise<Error> =>
    errorOf(client.call({ node }, fetchApi, fetchRequest, [], { signal: abort.signal }));
  const ended = Promise.all([1, 2].flatMap((node) => Array.from({ length: 30 }, () => call(node))));
  await simulation.runFor(50);
  expect(getEventListeners(abort.signal, 'abort')).toHaveLength(1);
  abort.abort(new Error('enough'));
  const errors = await simulation.complete(ended);
  expect(errors.map(({ message }) => message)).toEqual(errors.map(() => 'enough'));
  expect(getEventListeners(abort.signal, 'abort')).toEqual([]);
});

test('nodes that left the cluster lose their connections', async () => {
  const client = create();
  await simulation.complete(client.refresh());
  await fetchFrom(client, 2);
  for (const server of [node1, node2]) server.setMetadata(metadata());
  await simulation.complete(client.refresh());
  await simulation.runFor(100);
  expect(node2.sockets.size).toBe(0);
});

test('no more connections are open than allowed: an idle one makes room, and busy ones stay', async () => {
  const client = create({ maxConnections: 1 });
  await simulation.complete(client.refresh());
  expect(await fetchFrom(client, 2)).toBe('from node 2');
  await simulation.runFor(100);
  expect(node1.sockets.size + node2.sockets.size).toBe(1);

  node2.on(fetchApi, () => undefined);
  const busy = errorOf(client.call({ node: 2 }, fetchApi, fetchRequest));
  expect(errorCode(await failure(client.call({ node: 1 }, fetchApi, fetchRequest)))).toBe('TOO_MANY_CONNECTIONS');
  await simulation.complete(busy);
});

test('closing rejects what is unanswered, ends all connections and leaves no timer behind', async () => {
  node1.on(fetchApi, () => undefined);
  const client = create({ requestTimeoutMs: 600_000, bootstrap: ['node1:7400', 'node2:7400'] });
  await simulation.complete(client.refresh());
  simulation.network.cut('client', 'node2');
  const pending = [1, 2].map((node) => errorOf(client.call({ node }, fetchApi, fetchRequest)));
  await simulation.runFor(100);
  await simulation.complete(client.close());
  await simulation.complete(client.close());
  for (const promise of pending) {
    expect(await simulation.complete(promise)).toMatchObject({ code: 'CONNECTION_CLOSED', retriable: false });
  }
  simulation.network.heal();
  // The network still has to tell of a connection that was being opened when the link was cut.
  await simulation.runFor(2000);
  expect(node1.sockets.size + node2.sockets.size).toBe(0);
  const eventsBefore = simulation.eventsRun;
  await simulation.runFor(700_000);
  expect(simulation.eventsRun).toBe(eventsBefore);
  expect(errorCode(await failure(client.call({ node: 1 }, fetchApi, fetchRequest)))).toBe('CONNECTION_CLOSED');
  expect(errorCode(await failure(client.call('any', fetchApi, fetchRequest)))).toBe('CONNECTION_CLOSED');
});
