import { errorCode, errorMessage, type Environment, type Socket } from '@millrace/base';
import {
  describeClusterApi,
  encodeError,
  encodeFrame,
  encodeResponse,
  errorFlag,
  fetchApi,
  helloApi,
  metadataApi,
  produceApi,
  responseFlag,
  SlabPool,
  type FetchRequest,
  type HelloRequest,
  type MetadataRequest,
  type ProduceRequest,
} from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { Connection, DeadlineQueue, type ConnectionOptions, type Reply } from '../src/index.js';
import { metadata, ordersId, ScriptedServer } from './scripted-server.js';

const metadataRequest: MetadataRequest = { topics: null, allowAutoCreate: false, includeInternal: false };
const fetchRequest: FetchRequest = {
  maxWaitMs: 0,
  minBytes: 0,
  maxBytes: 1,
  isolation: 'read-committed',
  partitions: [],
};
const produceRequest: ProduceRequest = { acks: 1, timeoutMs: 1000, transactionalId: null, partitions: [] };

let simulation: Simulation;
let nodeEnvironment: Environment;
let server: ScriptedServer;
let closedWith: Error[];

beforeEach(async () => {
  simulation = new Simulation({ seed: 1 });
  nodeEnvironment = simulation.environment('node1');
  server = await simulation.complete(ScriptedServer.listen(nodeEnvironment));
  closedWith = [];
});

function options(overrides: Partial<ConnectionOptions> = {}): ConnectionOptions {
  const environment = simulation.environment('client');
  return {
    environment,
    address: { host: 'node1', port: 7400 },
    clientId: 'test',
    connectTimeoutMs: 5000,
    requestTimeoutMs: 1000,
    maxFrameBytes: 1_000_000,
    maxInFlight: 10,
    maxWaiting: 20,
    deadlines: new DeadlineQueue(environment.clock),
    slabs: new SlabPool(),
    onClose: (error) => closedWith.push(error),
    ...overrides,
  };
}

function open(overrides: Partial<ConnectionOptions> = {}, signal?: AbortSignal): Promise<Connection> {
  return simulation.complete(Connection.open(options(overrides), signal));
}

/** The error that it fails with, for a promise that others run beside. */
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

test('it says Hello and knows the node', async () => {
  const connection = await open({ clusterId: 'cluster-a' });
  expect(connection.hello.nodeId).toBe(1);
  expect(server.requests).toEqual(['Hello']);
});

test('requests are pipelined and answered in any order', async () => {
  const held: (() => void)[] = [];
  server.on(fetchApi, ({ body, reply }) => {
    held.push(() => reply({ partitions: [] }, [Buffer.from(`for ${body.maxBytes}`)]));
    if (held.length === 3) for (const answer of held.reverse()) answer();
  });
  const connection = await open();
  const replies = [1, 2, 3].map((maxBytes) => connection.send(fetchApi, { ...fetchRequest, maxBytes }));
  const payloads = (await simulation.complete(Promise.all(replies))).map(({ payload }) =>
    Buffer.from(payload).toString(),
  );
  expect(payloads).toEqual(['for 1', 'for 2', 'for 3']);
});

test('a payload that arrived in many pieces belongs to the caller', async () => {
  server.on(fetchApi, ({ reply }) => reply({ partitions: [] }, [Buffer.alloc(300_000, 7), Buffer.alloc(10, 8)]));
  simulation.network.configureLink('node1', 'client', { delayMinMs: 1, delayMaxMs: 2, bytesPerMs: 10_000 });
  const connection = await open();
  const first = await simulation.complete(connection.send(fetchApi, fetchRequest));
  await simulation.complete(connection.send(fetchApi, fetchRequest));
  expect(first.payload.length).toBe(300_010);
  expect([...new Set(first.payload.subarray(0, 300_000))]).toEqual([7]);
  expect([...new Set(first.payload.subarray(300_000))]).toEqual([8]);
});

test('an error reply rejects with the code of the table', async () => {
  server.on(metadataApi, ({ fail }) => fail(41, 'node 1 is not the controller'));
  const connection = await open();
  const error = await failure(connection.send(metadataApi, metadataRequest));
  expect(error).toMatchObject({ code: 'NOT_CONTROLLER', retriable: true });
  expect(error.message).toContain('node 1 is not the controller');
});

test('an error number of a newer node is UNKNOWN_SERVER_ERROR and keeps its message', async () => {
  server.on(metadataApi, ({ fail }) => fail(9999, 'something new'));
  const connection = await open();
  const error = await failure(connection.send(metadataApi, metadataRequest));
  expect(error).toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', retriable: false });
  expect(error.message).toContain('something new');
});

test('a request without answer times out, and its late reply is not taken for another', async () => {
  const held: (() => void)[] = [];
  server.on(metadataApi, ({ reply }) => held.push(() => reply(metadata({ controllerId: held.length }))));
  const connection = await open();
  const error = await failure(connection.send(metadataApi, metadataRequest, [], { timeoutMs: 100 }));
  expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT', retriable: true });
  const second = connection.send(metadataApi, metadataRequest);
  await simulation.runFor(100);
  for (const answer of held) answer();
  expect((await simulation.complete(second)).body.controllerId).toBe(2);
  expect(connection.load).toBe(0);
});

test('a node that leaves a request unanswered for the request timeout loses the connection', async () => {
  const connection = await open();
  const other = errorOf(connection.send(metadataApi, metadataRequest, [], { timeoutMs: 60_000 }));
  const mute = errorOf(connection.send(metadataApi, metadataRequest));
  expect((await simulation.complete(mute)).message).toContain('within 1000 ms');
  expect(await simulation.complete(other)).toMatchObject({ code: 'NETWORK_EXCEPTION' });
  expect(connection.isClosed).toBe(true);
  expect(closedWith).toHaveLength(1);
});

test('an impatient caller does not cost the others their connection', async () => {
  server.on(fetchApi, ({ reply }) => nodeEnvironment.clock.schedule(500, () => reply({ partitions: [] })));
  const connection = await open();
  const patient = connection.send(fetchApi, fetchRequest);
  expect(errorCode(await failure(connection.send(fetchApi, fetchRequest, [], { timeoutMs: 50 })))).toBe(
    'REQUEST_TIMED_OUT',
  );
  await simulation.complete(patient);
  await simulation.runFor(10_000);
  expect(connection.isClosed).toBe(false);
});

test('an aborted request rejects with the reason at once', async () => {
  const connection = await open();
  const abort = new AbortController();
  const sent = errorOf(connection.send(metadataApi, metadataRequest, [], { signal: abort.signal }));
  await simulation.runFor(50);
  abort.abort(new Error('enough'));
  expect((await simulation.complete(sent)).message).toBe('enough');
  expect((await failure(connection.send(metadataApi, metadataRequest, [], { signal: abort.signal }))).message).toBe(
    'enough',
  );
});

test('no more requests are in flight than allowed, and too many waiting are refused', async () => {
  let inFlight = 0;
  let most = 0;
  server.on(fetchApi, ({ reply }) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    nodeEnvironment.clock.schedule(20, () => {
      inFlight -= 1;
      reply({ partitions: [] });
    });
  });
  const connection = await open({ maxInFlight: 3, maxWaiting: 7 });
  const outcomes = await simulation.complete(
    Promise.allSettled(Array.from({ length: 12 }, () => connection.send(fetchApi, fetchRequest))),
  );
  expect(outcomes.map(({ status }) => status)).toEqual([
    ...new Array<string>(10).fill('fulfilled'),
    ...new Array<string>(2).fill('rejected'),
  ]);
  expect(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? errorCode(outcome.reason) : []))).toEqual([
    'REQUEST_QUEUE_FULL',
    'REQUEST_QUEUE_FULL',
  ]);
  expect(most).toBe(3);
});

test('a request that never got its turn times out too', async () => {
  const connection = await open({ maxInFlight: 1 });
  const stuck = errorOf(connection.send(fetchApi, fetchRequest, [], { timeoutMs: 5000 }));
  const error = await failure(connection.send(fetchApi, fetchRequest, [], { timeoutMs: 100 }));
  expect(errorMessage(error)).toContain('could not be sent');
  connection.close();
  await simulation.complete(stuck);
});

test('a full socket makes requests wait instead of piling up in it', async () => {
  simulation = new Simulation({ seed: 2, highWaterMarkBytes: 50_000 });
  nodeEnvironment = simulation.environment('node1');
  server = await simulation.complete(ScriptedServer.listen(nodeEnvironment));
  let received = 0;
  server.on(produceApi, ({ payload, reply }) => {
    received += payload.length;
    reply({ partitions: [] });
  });
  const environment = simulation.environment('client');
  let socket: Socket | undefined;
  const network: Pick<Environment['network'], 'connect' | 'listen'> = {
    listen: (address, onConnection) => environment.network.listen(address, onConnection),
    connect: async (address, signal) => (socket = await environment.network.connect(address, signal)),
  };
  const connection = await open({
    environment: { ...environment, network },
    maxInFlight: 100,
    maxWaiting: 100,
    requestTimeoutMs: 60_000,
  });
  simulation.network.cut('client', 'node1');
  const batch = new Uint8Array(20_000);
  const sent = Array.from({ length: 50 }, () => connection.send(produceApi, produceRequest, [batch]));
  await simulation.runFor(100);
  expect(received).toBe(0);
  expect(connection.load).toBe(50);
  expect(socket?.bufferedBytes).toBeLessThan(50_000 + 2 * batch.length);
  simulation.network.heal();
  await simulation.complete(Promise.all(sent));
  expect(received).toBe(50 * 20_000);
});

test('a request without reply settles when it is with the socket', async () => {
  const seen: number[] = [];
  server.on(produceApi, ({ payload }) => seen.push(payload.length));
  const connection = await open();
  const body = { ...produceRequest, acks: 0 as const };
  await simulation.complete(connection.send(produceApi, body, [new Uint8Array(5)], { expectReply: false }));
  expect(connection.load).toBe(0);
  await simulation.runFor(100);
  expect(seen).toEqual([5]);
});

test('a broken connection rejects everything with NETWORK_EXCEPTION', async () => {
  const connection = await open({ maxInFlight: 1 });
  const sent = [1, 2].map(() => errorOf(connection.send(fetchApi, fetchRequest)));
  await simulation.runFor(50);
  simulation.network.reset('client', 'node1');
  for (const promise of sent)
    expect(await simulation.complete(promise)).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
  expect(await failure(connection.send(fetchApi, fetchRequest))).toMatchObject({ code: 'NETWORK_EXCEPTION' });
  expect(closedWith.map(errorCode)).toEqual(['NETWORK_EXCEPTION']);
});

test('closing rejects everything with CONNECTION_CLOSED', async () => {
  const connection = await open();
  const sent = errorOf(connection.send(fetchApi, fetchRequest));
  connection.close();
  connection.close();
  expect(await simulation.complete(sent)).toMatchObject({ code: 'CONNECTION_CLOSED', retriable: false });
  expect(closedWith).toHaveLength(1);
});

test('nobody listening is a retriable NETWORK_EXCEPTION that names the address', async () => {
  const error = await failure(Connection.open(options({ address: { host: 'node1', port: 7999 } })));
  expect(error).toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
  expect(error.message).toContain('node1:7999');
});

test('a machine that does not answer at all is given up after the connect timeout', async () => {
  simulation.network.cut('client', 'node1');
  const error = await failure(Connection.open(options()));
  expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT' });
  expect(simulation.nowMs).toBeLessThan(6000);
});

test('a node that accepts and never says Hello is given up after the connect timeout', async () => {
  await simulation.complete(
    nodeEnvironment.network.listen({ host: '0.0.0.0', port: 7999 }, (socket) => handle(socket, () => undefined)),
  );
  const error = await failure(Connection.open(options({ address: { host: 'node1', port: 7999 } })));
  expect(error).toMatchObject({ code: 'REQUEST_TIMED_OUT' });
});

test('connecting can be aborted', async () => {
  simulation.network.cut('client', 'node1');
  const abort = new AbortController();
  const opening = errorOf(Connection.open(options(), abort.signal));
  await simulation.runFor(10);
  abort.abort(new Error('enough'));
  expect((await simulation.complete(opening)).message).toBe('enough');
});

function handle(socket: Socket, onData: (socket: Socket) => void): void {
  socket.setHandler({ onData: () => onData(socket), onDrain: () => undefined, onClose: () => undefined });
}

test.each([
  ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'WRONG_PROTOCOL'],
  ['an SSH server', 'SSH-2.0-OpenSSH_9.6\r\n', 'WRONG_PROTOCOL'],
  ['random bytes', '\xff\xff\xff\xff\xff\xff', 'FRAME_TOO_LARGE'],
])('a peer that is %s is named', async (_, greeting, code) => {
  await simulation.complete(
    nodeEnvironment.network.listen({ host: '0.0.0.0', port: 7999 }, (socket) =>
      handle(socket, (to) => to.write(Buffer.from(greeting, 'latin1'))),
    ),
  );
  const error = await failure(Connection.open(options({ address: { host: 'node1', port: 7999 } })));
  expect(errorCode(error)).toBe(code);
});

test('a peer that hangs up before Hello says what to check', async () => {
  await simulation.complete(
    nodeEnvironment.network.listen({ host: '0.0.0.0', port: 7999 }, (socket) => {
      handle(socket, () => undefined);
      socket.end();
    }),
  );
  const error = await failure(Connection.open(options({ address: { host: 'node1', port: 7999 } })));
  expect(error.message).toContain('client address of a Millrace node');
});

test('a node of another cluster is refused before anything is sent to it', async () => {
  const error = await failure(Connection.open(options({ clusterId: 'cluster-b' })));
  expect(errorCode(error)).toBe('INCONSISTENT_CLUSTER_ID');
  expect(server.requests).toEqual(['Hello']);
});

test('a node says who it is, and the cluster it belongs to', async () => {
  let hello: HelloRequest | undefined;
  server.on(helloApi, ({ body, reply }) => {
    hello = body;
    reply({ clusterId: null, nodeId: 1, softwareVersion: '', apis: [], maxFrameBytes: 1000, maxBatchBytes: 1000 });
  });
  const node = { nodeId: 5, clusterId: 'cluster-b', directoryId: 'd', incarnationId: 'i' };
  // A node that has no cluster yet is about to join ours.
  await open({ node });
  expect(hello).toMatchObject({ node, clusterId: 'cluster-b' });
  await open({});
  expect(hello).toMatchObject({ node: null, clusterId: null });
});

test('X22: a node does not speak to one of another cluster', async () => {
  const node = { nodeId: 5, clusterId: 'cluster-b', directoryId: 'd', incarnationId: 'i' };
  const error = await failure(Connection.open(options({ node })));
  expect(errorCode(error)).toBe('INCONSISTENT_CLUSTER_ID');
  expect(server.requests).toEqual(['Hello']);
});

test('a node that ends the connection can say why, without being asked', async () => {
  server.on(metadataApi, ({ socket }) => {
    const header = { correlationId: 0, apiKey: 0, apiVersion: 0, flags: responseFlag | errorFlag };
    for (const buffer of encodeFrame(header, encodeError({ error: 7, message: 'a frame took too long' }))) {
      socket.write(buffer);
    }
    socket.end();
  });
  const connection = await open();
  const error = await failure(connection.send(metadataApi, metadataRequest));
  expect(errorCode(error)).toBe('REQUEST_TIMED_OUT');
  expect(errorMessage(error)).toContain('a frame took too long');
});

test('an API that the node has no common version of is refused here', async () => {
  server = await simulation.complete(
    ScriptedServer.listen(nodeEnvironment, { port: 7401, hello: { apis: [{ key: 3, min: 5, max: 7 }] } }),
  );
  const connection = await open({ address: { host: 'node1', port: 7401 } });
  const tooOld = await failure(connection.send(metadataApi, metadataRequest));
  expect(errorCode(tooOld)).toBe('UNSUPPORTED_VERSION');
  expect(tooOld.message).toContain('this program is too old');
  expect((await failure(connection.send(describeClusterApi, {}))).message).toContain('does not serve');
  expect(server.requests).toEqual(['Hello']);
});

test('a reply above the limit costs the connection, not the memory', async () => {
  server.on(fetchApi, ({ reply }) => reply({ partitions: [] }, [new Uint8Array(200_000)]));
  const connection = await open({ maxFrameBytes: 100_000 });
  expect(errorCode(await failure(connection.send(fetchApi, fetchRequest)))).toBe('FRAME_TOO_LARGE');
  expect(connection.isClosed).toBe(true);
});

test('a request above the limit of the node is refused here, and the connection lives', async () => {
  server.setMetadata(metadata());
  const connection = await open();
  const error = await failure(connection.send(produceApi, produceRequest, [new Uint8Array(1_000_001)]));
  expect(errorCode(error)).toBe('FRAME_TOO_LARGE');
  await simulation.complete(connection.send(metadataApi, metadataRequest));
});

test('a reply that breaks its schema rejects only its request', async () => {
  server.on(metadataApi, ({ reply }) => reply({ ...metadata(), controllerId: 'one' as unknown as number }));
  server.on(fetchApi, ({ reply }) => reply({ partitions: [] }));
  const connection = await open();
  const error = await failure(connection.send(metadataApi, metadataRequest));
  expect(error).toMatchObject({ code: 'INVALID_RESPONSE', retriable: false });
  expect(error.message).toContain('controllerId');
  await simulation.complete(connection.send(fetchApi, fetchRequest));
});

test.each([
  ['a correlation id that nobody uses', { correlationId: 77, apiKey: fetchApi.key, flags: responseFlag }],
  ['the api key of another request', { correlationId: 1, apiKey: metadataApi.key, flags: responseFlag }],
  ['a request', { correlationId: 1, apiKey: fetchApi.key, flags: 0 }],
])('a frame that answers nothing ends the connection: %s', async (_, header) => {
  server.on(fetchApi, ({ socket }) => {
    const body = encodeResponse(fetchApi, 0, { partitions: [] });
    for (const buffer of encodeFrame({ apiVersion: 0, ...header }, body)) socket.write(buffer);
  });
  const connection = await open();
  const sent: Promise<Reply<unknown>> = connection.send(fetchApi, fetchRequest);
  expect(errorCode(await failure(sent))).toBe('INVALID_RESPONSE');
  expect(connection.isClosed).toBe(true);
});

test('a topic id of a request is checked by the other side, not silently dropped', async () => {
  const seen: unknown[] = [];
  server.on(fetchApi, ({ body, reply }) => {
    seen.push(body.partitions[0]?.topicId);
    reply({ partitions: [] });
  });
  const connection = await open();
  const partition = { topicId: ordersId, partition: 0, fetchOffset: 0, leaderEpoch: -1, maxBytes: 1 };
  await simulation.complete(connection.send(fetchApi, { ...fetchRequest, partitions: [partition] }));
  expect(seen).toEqual([ordersId]);
});
