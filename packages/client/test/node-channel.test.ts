import { errorCode, errorMessage, type Environment } from '@millrace/base';
import {
  brokerHeartbeatApi,
  helloApi,
  raftMessageApi,
  servedVersions,
  type BrokerHeartbeatRequest,
  type HelloRequest,
} from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NodeChannel, type NodeChannelOptions } from '../src/index.js';
import { append, campaign, ScriptedServer } from './scripted-server.js';

const credentials = { nodeId: 1, clusterId: 'cluster-a', directoryId: 'directory', incarnationId: 'incarnation' };
const heartbeat: BrokerHeartbeatRequest = {
  nodeId: 1,
  brokerEpoch: 7,
  metadataOffset: 0,
  wantFence: false,
  wantShutdown: false,
};
const alive = { error: 0, message: null, isCaughtUp: true, isFenced: false, shouldShutdown: false };

let simulation: Simulation;
let environment: Environment;
let server: ScriptedServer;
/** What node 2 got, in order: rounds of messages, and metadata offsets of heartbeats. */
let received: string[];
const channels: NodeChannel[] = [];

async function listen(host: string, nodeId: number): Promise<ScriptedServer> {
  const node = await simulation.complete(
    ScriptedServer.listen(simulation.environment(host), { nodeId, hello: { apis: servedVersions('internal') } }),
  );
  node.on(raftMessageApi, ({ body }) => received.push('round' in body.message ? `${body.message.round}` : 'campaign'));
  node.on(brokerHeartbeatApi, ({ body, reply }) => {
    received.push(`beat ${body.metadataOffset}`);
    reply(alive);
  });
  return node;
}

beforeEach(async () => {
  simulation = new Simulation({ seed: 11 });
  environment = simulation.environment('node1');
  received = [];
  server = await listen('node2', 2);
});

afterEach(async () => {
  for (const channel of channels.splice(0)) await channel.close();
});

function create(options: Partial<NodeChannelOptions> = {}): NodeChannel {
  const channel = new NodeChannel({
    environment,
    address: { host: 'node2', port: 7400 },
    nodeId: 2,
    credentials: () => credentials,
    ...options,
  });
  channels.push(channel);
  return channel;
}

function beat(channel: NodeChannel, metadataOffset = 0, timeoutMs = 1000): Promise<unknown> {
  return channel.call(brokerHeartbeatApi, { ...heartbeat, metadataOffset }, [], { timeoutMs });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', errorCode);
}

function failure(promise: Promise<unknown>): Promise<string> {
  return simulation.complete(codeOf(promise));
}

test('it connects when it is first needed, and says who it is', async () => {
  let hello: HelloRequest | undefined;
  server.on(helloApi, ({ body, reply }) => {
    hello = body;
    const apis = servedVersions('internal');
    reply({ clusterId: 'cluster-a', nodeId: 2, softwareVersion: '', apis, maxFrameBytes: 1e6, maxBatchBytes: 1e5 });
  });
  const channel = create();
  await simulation.runFor(1000);
  expect(server.connections).toBe(0);
  await simulation.complete(beat(channel));
  expect(hello).toMatchObject({ softwareName: 'millrace-node', clusterId: 'cluster-a', node: credentials });
  expect([server.connections, channel.isOpen]).toEqual([1, true]);
});

test('credentials are asked for each connection: a node that has joined a cluster says so from then on', async () => {
  const seen: (string | null | undefined)[] = [];
  let clusterId: string | null = null;
  server.on(helloApi, ({ body, reply }) => {
    seen.push(body.node?.clusterId);
    const apis = servedVersions('internal');
    reply({ clusterId: null, nodeId: 2, softwareVersion: '', apis, maxFrameBytes: 1e6, maxBatchBytes: 1e5 });
  });
  const channel = create({ credentials: () => ({ ...credentials, clusterId }) });
  await simulation.complete(beat(channel));
  clusterId = 'cluster-a';
  server.dropConnections();
  await simulation.runFor(100);
  await simulation.complete(beat(channel));
  expect(seen).toEqual([null, 'cluster-a']);
});

test('X22: a node of another cluster, or another node than expected, gets nothing but Hello', async () => {
  const strange = create({ credentials: () => ({ ...credentials, clusterId: 'cluster-b' }) });
  expect(await failure(beat(strange))).toBe('INCONSISTENT_CLUSTER_ID');
  const mistaken = create({ nodeId: 3 });
  expect(await failure(beat(mistaken))).toBe('BROKER_NOT_AVAILABLE');
  mistaken.send(raftMessageApi, campaign);
  await simulation.runFor(1000);
  expect(new Set(server.requests)).toEqual(new Set(['Hello']));
});

test('a refusal is said aloud once, however often the node is called', async () => {
  server.on(helloApi, ({ fail }) => fail(31, 'no node of this cluster'));
  const channel = create();
  for (let attempt = 0; attempt < 5; attempt += 1) {
    expect(await failure(beat(channel, 0, 5000))).toBe('CLUSTER_AUTHORIZATION_FAILED');
  }
  const warnings = simulation.logger('node1').lines.filter(({ level }) => level === 'warn');
  expect(warnings).toHaveLength(1);
  expect(JSON.stringify(warnings)).toContain('no node of this cluster');
});

test('calls and messages arrive in the order in which they were made', async () => {
  const channel = create();
  await simulation.complete(beat(channel));
  received = [];
  const calls: Promise<unknown>[] = [];
  const expected: string[] = [];
  for (let index = 0; index < 50; index += 1) {
    if (index % 3 === 0) {
      calls.push(beat(channel, index));
      expected.push(`beat ${index}`);
    } else {
      expect(channel.send(raftMessageApi, append(index, 10), [Buffer.alloc(10)])).toBe(true);
      expected.push(`${index}`);
    }
  }
  await simulation.complete(Promise.all(calls));
  await simulation.runFor(100);
  expect(received).toEqual(expected);
});

test('messages that open the connection arrive over it, in their order, and before the calls that waited', async () => {
  const channel = create();
  expect(channel.send(raftMessageApi, append(1))).toBe(true);
  const call = beat(channel, 7);
  expect(channel.send(raftMessageApi, append(2))).toBe(true);
  await simulation.complete(call);
  expect(channel.send(raftMessageApi, append(3))).toBe(true);
  await simulation.runFor(100);
  expect(received).toEqual(['1', '2', 'beat 7', '3']);
});

test('a peer that closes the connection whenever it is idle gets every message that is sent after that', async () => {
  const channel = create();
  for (let round = 1; round <= 5; round += 1) {
    channel.send(raftMessageApi, append(round));
    await simulation.runFor(100);
    for (const socket of server.sockets) socket.end();
    await simulation.runFor(2000);
    expect(channel.isOpen).toBe(false);
  }
  expect(received).toEqual(['1', '2', '3', '4', '5']);
});

test('of the messages for a connection that opens the newest are held, up to a number and a size', async () => {
  const channel = create();
  for (let round = 1; round <= 100; round += 1) channel.send(raftMessageApi, append(round));
  await simulation.runFor(100);
  expect(received).toEqual(Array.from({ length: 32 }, (_, index) => `${index + 69}`));
  server.dropConnections();
  await simulation.runFor(100);
  received = [];
  const record = Buffer.alloc(400_000);
  for (let round = 1; round <= 10; round += 1) channel.send(raftMessageApi, append(round, record.length), [record]);
  await simulation.runFor(1000);
  expect(received).toEqual(['9', '10']);
});

test('messages to a node that cannot be reached are dropped with the attempt: none is older than the next', async () => {
  server.on(helloApi, ({ socket }) => socket.destroy());
  const channel = create();
  channel.send(raftMessageApi, append(1));
  await simulation.runFor(500);
  server.on(helloApi, ({ reply }) => {
    const apis = servedVersions('internal');
    reply({ clusterId: null, nodeId: 2, softwareVersion: '', apis, maxFrameBytes: 1e6, maxBatchBytes: 1e5 });
  });
  channel.send(raftMessageApi, append(2));
  await simulation.runFor(500);
  expect(received).toEqual(['2']);
});

test('a node that is down is called with growing pauses, however much is sent to it, and found when it is back', async () => {
  const channel = create({ address: { host: 'node3', port: 7400 }, nodeId: 3 });
  const connect = environment.network.connect.bind(environment.network);
  const attempts: number[] = [];
  environment.network.connect = (address, signal) => {
    attempts.push(simulation.nowMs);
    return connect(address, signal);
  };
  simulation.environment('node3');
  for (let beatMs = 0; beatMs < 10_000; beatMs += 50) {
    channel.send(raftMessageApi, campaign);
    await simulation.runFor(50);
  }
  const pauses = attempts.slice(1).map((atMs, index) => atMs - (attempts[index] ?? 0));
  expect(Math.max(...pauses.slice(0, 2))).toBeLessThan(200);
  expect(Math.min(...pauses.slice(8))).toBeGreaterThan(790);
  expect(attempts.length).toBeLessThan(25);

  await listen('node3', 3);
  channel.send(raftMessageApi, campaign);
  await simulation.runFor(1300);
  expect(channel.isOpen).toBe(true);
  expect(channel.send(raftMessageApi, append(9))).toBe(true);
  await simulation.runFor(100);
  expect(received.at(-1)).toBe('9');
  // Those since the last pause began, and none of the 200 from before.
  expect(received.length).toBeLessThan(30);
});

test('a node that was cut off is back soon after the cut ends', async () => {
  const channel = create();
  const { clock } = environment;
  let round = 0;
  const beatForEver = (): void => {
    channel.send(raftMessageApi, append((round += 1)));
    clock.schedule(150, beatForEver);
  };
  beatForEver();
  await simulation.runFor(1000);
  simulation.network.partition(['node1'], ['node2']);
  await simulation.runFor(60_000);
  expect(channel.isOpen).toBe(false);
  simulation.network.heal();
  const healed = round;
  await simulation.runFor(5000);
  expect(Number(received.at(-1))).toBeGreaterThan(healed);
});

test('what is known of a node is told: that it answers, that its connection ended, that nothing listens there', async () => {
  const reaches: string[] = [];
  const channel = create({ onReach: (reach) => reaches.push(reach) });
  channel.wake();
  await simulation.runFor(100);
  channel.wake();
  server.dropConnections();
  await simulation.runFor(100);
  expect(reaches).toEqual(['open', 'open', 'lost']);
  await simulation.complete(server.close());
  channel.wake();
  await simulation.runFor(100);
  expect(reaches.at(-1)).toBe('refused');
});

test('a node that shows itself is called at once, whatever pause its failures have earned', async () => {
  simulation.environment('node3');
  const channel = create({ address: { host: 'node3', port: 7400 }, nodeId: 3 });
  for (let attempt = 0; attempt < 8; attempt += 1) await failure(beat(channel, 0, 5000));
  await listen('node3', 3);
  const call = beat(channel);
  await simulation.runFor(20);
  channel.hurry();
  const startedMs = simulation.nowMs;
  await simulation.complete(call);
  expect(simulation.nowMs - startedMs).toBeLessThan(50);
});

test('the time of a call covers connecting', async () => {
  simulation.network.cut('node1', 'node2');
  const startedMs = simulation.nowMs;
  expect(await failure(beat(create(), 0, 300))).toBe('REQUEST_TIMED_OUT');
  expect(simulation.nowMs - startedMs).toBeLessThan(350);
});

test('a call can be aborted', async () => {
  simulation.network.cut('node1', 'node2');
  const abort = new AbortController();
  const call = create().call(brokerHeartbeatApi, heartbeat, [], { signal: abort.signal }).catch(errorMessage);
  simulation.after(100, () => abort.abort(new Error('enough')));
  expect(await simulation.complete(call)).toBe('enough');
});

test('calls are bounded: one too many is refused at once, and there is room again later', async () => {
  server.on(brokerHeartbeatApi, () => undefined);
  const channel = create({ maxCalls: 3 });
  const calls = [1, 2, 3].map((offset) => codeOf(beat(channel, offset, 500)));
  expect(await failure(beat(channel))).toBe('REQUEST_QUEUE_FULL');
  expect(await simulation.complete(Promise.all(calls))).toEqual(new Array(3).fill('REQUEST_TIMED_OUT'));
  server.on(brokerHeartbeatApi, ({ reply }) => reply(alive));
  await simulation.complete(beat(channel));
});

test('what waits for a peer that does not read is bounded: the rest is dropped, and what was taken arrives', async () => {
  const channel = create({ maxWaitingBytes: 1_000_000 });
  await simulation.complete(beat(channel));
  for (const socket of server.sockets) socket.pause();
  const record = Buffer.alloc(100_000);
  let taken = 0;
  for (let round = 0; round < 200; round += 1) {
    if (channel.send(raftMessageApi, append(round, record.length), [record])) taken += 1;
    await simulation.runFor(5);
  }
  // The socket's own buffers at both ends, and a million bytes that wait.
  expect(taken).toBeGreaterThan(10);
  expect(taken).toBeLessThan(40);
  for (const socket of server.sockets) socket.resume();
  await simulation.runFor(1000);
  expect(received.slice(1)).toEqual(Array.from({ length: taken }, (_, round) => `${round}`));
  expect(channel.send(raftMessageApi, append(1, record.length), [record])).toBe(true);
});

test('a message that no frame may hold is dropped, with a word in the log', async () => {
  const channel = create();
  await simulation.complete(beat(channel));
  expect(channel.send(raftMessageApi, append(1, 2_000_000), [Buffer.alloc(2_000_000)])).toBe(false);
  expect(channel.isOpen).toBe(true);
  expect(simulation.logger('node1').lines.map(({ message }) => message)).toContain('message to a node dropped');
});

test('a broken connection fails what was under way, once, and the next call gets a new one', async () => {
  server.on(brokerHeartbeatApi, ({ socket }) => socket.destroy());
  const channel = create();
  expect(await failure(beat(channel))).toBe('NETWORK_EXCEPTION');
  expect(server.requests.filter((name) => name === 'BrokerHeartbeat')).toHaveLength(1);
  server.on(brokerHeartbeatApi, ({ reply }) => reply(alive));
  await simulation.complete(beat(channel));
});

test('X21: a reply that breaks the protocol fails only its call, and the node is called on', async () => {
  server.on(brokerHeartbeatApi, ({ reply }) => reply({ ...alive, isFenced: 'perhaps' } as never));
  const channel = create();
  for (let attempt = 0; attempt < 3; attempt += 1) expect(await failure(beat(channel))).toBe('INVALID_RESPONSE');
  expect(server.connections).toBe(1);
});

test('a refusal of a message that has no reply ends the connection, and its reason is known', async () => {
  server.on(raftMessageApi, ({ fail }) => fail(31, 'not a voter'));
  const channel = create();
  await simulation.complete(beat(channel));
  channel.send(raftMessageApi, campaign);
  await simulation.runFor(100);
  expect(channel.isOpen).toBe(false);
  expect(JSON.stringify(simulation.logger('node1').lines)).toContain('not a voter');
});

test('a new address ends an attempt at the old one, and those who wait go to the new one', async () => {
  await listen('node4', 2);
  simulation.network.cut('node1', 'node2');
  const channel = create();
  const call = beat(channel, 5, 2000);
  await simulation.runFor(50);
  channel.setAddress({ host: 'node4', port: 7400 });
  const startedMs = simulation.nowMs;
  await simulation.complete(call);
  expect(simulation.nowMs - startedMs).toBeLessThan(50);
  expect(server.connections).toBe(0);
});

test('closing rejects calls, drops messages, ends the connection and leaves no timer behind', async () => {
  server.on(brokerHeartbeatApi, () => undefined);
  const channel = create();
  const calls = [codeOf(beat(channel)), codeOf(beat(channel))];
  await simulation.runFor(100);
  await channel.close();
  await channel.close();
  expect(await simulation.complete(Promise.all(calls))).toEqual(['CONNECTION_CLOSED', 'CONNECTION_CLOSED']);
  expect(await failure(beat(channel))).toBe('CONNECTION_CLOSED');
  expect(channel.send(raftMessageApi, campaign)).toBe(false);
  await simulation.runFor(1000);
  expect(server.sockets.size).toBe(0);
  const events = simulation.eventsRun;
  await simulation.runFor(60_000);
  expect(simulation.eventsRun).toBe(events);
});

test('closing while it connects opens nothing', async () => {
  const channel = create();
  const call = codeOf(beat(channel));
  await channel.close();
  expect(await simulation.complete(call)).toBe('CONNECTION_CLOSED');
  await simulation.runFor(1000);
  expect([channel.isOpen, server.sockets.size]).toEqual([false, 0]);
});
