import { errorCode } from '@millrace/base';
import { expect, test } from 'vitest';
import { contentsOf } from '../metadata-node.js';
import { creation, QuorumCluster, registration, startBrokers } from './quorum-cluster.js';

async function topicOn(cluster: QuorumCluster, name: string, replicationFactor = 1): Promise<void> {
  const { controller } = await cluster.active();
  const { topics } = await cluster.simulation.complete(controller.createTopics(creation(name, replicationFactor)));
  expect(topics[0]).toMatchObject({ name, error: 0 });
}

test('three fresh voters form one cluster, and each has the same image', async () => {
  const cluster = new QuorumCluster();
  const active = await cluster.startAll();
  const { controller } = active;
  expect(controller.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/);
  await cluster.simulation.complete(startBrokers(cluster, controller));
  await topicOn(cluster, 'orders', 3);
  await cluster.settle();
  const contents = [...cluster.nodes.values()].map((node) => contentsOf(node.controller.image));
  expect(new Set(contents).size).toBe(1);
  for (const node of cluster.nodes.values()) {
    expect(node.controller.controllerId).toBe(active.nodeId);
    expect(await node.controller.formed).toBe(controller.clusterId);
    expect(node.failures).toEqual([]);
  }
  await cluster.simulation.runFor(5000);
  expect(cluster.simulation.metrics(`node${active.nodeId}`)).toBeDefined();
  for (const node of [...cluster.nodes.values()]) await cluster.simulation.complete(node.close());
});

test('nothing is formed before all voters are there', async () => {
  const cluster = new QuorumCluster();
  await cluster.start(1, 2);
  await cluster.simulation.runFor(20_000);
  for (const { controller } of cluster.nodes.values())
    expect([controller.clusterId, controller.controllerId]).toEqual(['', -1]);
  await cluster.start(3);
  await cluster.active();
  await cluster.settle();
  const ids = [...cluster.nodes.values()].map(({ controller }) => controller.clusterId);
  expect(new Set(ids).size).toBe(1);
});

test('who is not active says who is, and changes nothing', async () => {
  const cluster = new QuorumCluster();
  const active = await cluster.startAll();
  await cluster.settle();
  const [other] = cluster.others(active.nodeId);
  const before = active.controller.metadataOffset;
  await expect(other?.controller.createTopics(creation('orders'))).rejects.toMatchObject({
    code: 'NOT_CONTROLLER',
    retriable: true,
    leaderId: active.nodeId,
    message: expect.stringContaining(`node ${active.nodeId} at node${active.nodeId}:7401 is`) as string,
  });
  await expect(other?.controller.describeCluster()).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
  expect(other?.controller.leaderAddress).toEqual({ id: active.nodeId, host: `node${active.nodeId}`, port: 7401 });
  expect(active.controller.metadataOffset).toBe(before);
});

test('an isolated leader refuses what it was asked, and another one decides on all that was acknowledged', async () => {
  const cluster = new QuorumCluster();
  const old = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, old.controller));
  await topicOn(cluster, 'before', 3);
  cluster.isolate(old.nodeId);
  const lost = old.controller.createTopics(creation('lost'));
  const outcome = lost.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
  await cluster.simulation.runUntil(
    () => cluster.others(old.nodeId).some(({ controller }) => controller.isActive),
    60_000,
  );
  expect(await cluster.simulation.complete(outcome)).toBe('NOT_CONTROLLER');
  expect(old.controller.isActive).toBe(false);
  await expect(old.controller.createTopics(creation('more'))).rejects.toMatchObject({ code: 'NOT_CONTROLLER' });
  await topicOn(cluster, 'after');
  cluster.heal();
  await cluster.settle();
  await cluster.simulation.runFor(3000);
  for (const { controller, failures } of cluster.nodes.values()) {
    expect(controller.image.topicsByName().map(({ name }) => name)).toEqual(['after', 'before']);
    expect(failures).toEqual([]);
  }
});

test('a leader that is cut off and does not know yet gives no broker its word', async () => {
  const cluster = new QuorumCluster();
  const old = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, old.controller));
  cluster.isolate(old.nodeId);
  const { controller, nodeId } = old;
  expect(controller.isActive).toBe(true);
  const brokerEpoch = controller.image.brokers.get(nodeId)?.brokerEpoch ?? -1;
  const { metadataOffset } = controller;
  const beat = controller.heartbeat({ nodeId, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
  const outcome = beat.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
  expect(await cluster.simulation.complete(outcome)).toBe('NOT_CONTROLLER');
});

test('acknowledged changes survive crashes of one node after another, snapshots and all', async () => {
  const cluster = new QuorumCluster({ snapshotEveryRecords: 10, seed: 5 });
  const first = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, first.controller));
  const names: string[] = [];
  for (let round = 0; round < 9; round += 1) {
    const victim = round % 2 === 0 ? (await cluster.active()).nodeId : (round % 3) + 1;
    for (let i = 0; i < 3; i += 1) {
      names.push(`topic${round}.${i}`);
      const replicationFactor = 1;
      const { controller } = await cluster.active();
      const { brokers } = controller.image;
      // Nobody sends heartbeats here, so a new leader fences them after a while: then nothing can be created.
      const alive = [...brokers.values()].some(({ state }) => state === 'active');
      if (!alive) await cluster.simulation.complete(reviveBroker(cluster, controller, round));
      await topicOn(cluster, `topic${round}.${i}`, replicationFactor);
    }
    cluster.crash(victim);
    await cluster.simulation.runFor(3000);
    await cluster.start(victim);
  }
  await cluster.settle();
  for (const { controller, failures } of cluster.nodes.values()) {
    expect(controller.image.topicsByName().map(({ name }) => name)).toEqual([...names].sort());
    expect(failures).toEqual([]);
  }
});

async function reviveBroker(
  cluster: QuorumCluster,
  controller: QuorumCluster['nodes'] extends Map<number, infer Node extends { controller: unknown }>
    ? Node['controller']
    : never,
  round: number,
): Promise<void> {
  const node = [...cluster.nodes.values()].find((one) => one.controller === controller);
  if (node === undefined) throw new Error('the controller runs');
  const { nodeId, directoryId } = node;
  const change = {
    directoryId,
    incarnationId: `incarnation ${nodeId} of round ${round} at ${controller.metadataOffset}`,
  };
  const { brokerEpoch } = await controller.registerBroker(registration(nodeId, change));
  const { metadataOffset } = controller;
  await controller.heartbeat({ nodeId, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false });
}

test('a voter with an emptied disk gets no vote and cannot register, and a new cluster is never formed', async () => {
  const cluster = new QuorumCluster();
  const first = await cluster.startAll();
  const { clusterId } = first.controller;
  const firstDirectoryId = cluster.node(1).directoryId;
  await cluster.settle();
  // Node 1 is the one that forms clusters.
  cluster.crash(1);
  await cluster.simulation.runFor(5000);
  cluster.wipe(1);
  await cluster.start(1);
  await cluster.simulation.runUntil(() => cluster.node(1).controller.clusterId !== '', 30_000);
  expect(cluster.node(1).controller.clusterId).toBe(clusterId);
  expect(cluster.node(1).controller.role).toBe('observer');
  const active = await cluster.active();
  const { directoryId } = cluster.node(1);
  await expect(active.controller.registerBroker(registration(1, { directoryId }), 'remote')).rejects.toMatchObject({
    code: 'INVALID_VOTER_KEY',
  });
  // Once an operator has removed the old voter, it joins as a new one.
  const described = await cluster.simulation.complete(active.controller.describeQuorum());
  expect(described.leaderId).toBe(active.nodeId);
  expect(described.voters).toContainEqual(expect.objectContaining({ nodeId: 1, directoryId: firstDirectoryId }));
  expect(described.observers).toEqual([{ nodeId: 1, directoryId, logEndOffset: described.highWatermark, lag: 0 }]);
  const voter = { nodeId: 1, directoryId: firstDirectoryId, timeoutMs: 5000 };
  await cluster.simulation.complete(active.controller.removeVoter(voter));
  await cluster.simulation.runUntil(() => cluster.node(1).controller.role === 'follower', 30_000);
  expect((await cluster.simulation.complete(active.controller.describeQuorum())).observers).toEqual([]);
  await expect(cluster.simulation.complete(active.controller.removeVoter(voter))).rejects.toMatchObject({
    code: 'VOTER_NOT_FOUND',
  });
  await cluster.simulation.complete(active.controller.registerBroker(registration(1, { directoryId }), 'remote'));
});

test('a node that was away for long is sent a snapshot, and goes on from it after a restart', async () => {
  const cluster = new QuorumCluster({ snapshotEveryRecords: 10 });
  const active = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, active.controller));
  await cluster.settle();
  const [away] = cluster.others(active.nodeId);
  const nodeId = away?.nodeId ?? -1;
  cluster.crash(nodeId);
  for (let i = 0; i < 12; i += 1) await topicOn(cluster, `topic${i}`);
  await cluster.simulation.runFor(500);
  await cluster.start(nodeId);
  await cluster.settle();
  const { controller } = await cluster.active();
  const snapshots = (id: number): string[] =>
    cluster.simulation
      .disk(`node${id}`)
      .files()
      .list('/data/__cluster_metadata-0')
      .filter((name) => name.endsWith('.checkpoint'));
  expect(snapshots(nodeId).length).toBeGreaterThan(0);
  const isReset = cluster.simulation.logger(`node${nodeId}`).lines.some(({ message }) => message === 'resetting a log');
  expect(isReset).toBe(true);
  expect(contentsOf(cluster.node(nodeId).controller.image)).toBe(contentsOf(controller.image));
  cluster.crash(nodeId);
  await topicOn(cluster, 'later');
  await cluster.start(nodeId);
  await cluster.settle();
  expect(contentsOf(cluster.node(nodeId).controller.image)).toBe(contentsOf(controller.image));
  expect(cluster.node(nodeId).failures).toEqual([]);
});

test('leaderships and what was acknowledged pass on when a leader resigns', async () => {
  const cluster = new QuorumCluster();
  const old = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, old.controller));
  await topicOn(cluster, 'orders', 3);
  await cluster.simulation.complete(old.controller.resign(5000));
  expect(old.controller.isActive).toBe(false);
  const next = await cluster.active();
  expect(next.nodeId).not.toBe(old.nodeId);
  expect(next.controller.image.topicByName('orders')?.partitions[0]?.isr).toHaveLength(3);
  await topicOn(cluster, 'more', 3);
});

test('without a majority every call is refused in time, and what is committed can still be read', async () => {
  const cluster = new QuorumCluster();
  const active = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, active.controller));
  await topicOn(cluster, 'orders');
  for (const other of cluster.others(active.nodeId)) cluster.crash(other.nodeId);
  const calls = [
    active.controller.createTopics(creation('more')),
    active.controller.describeCluster(),
    active.controller.allocateProducerIds({ nodeId: 1, brokerEpoch: 1 }),
  ].map((call) =>
    call.then(
      () => 'done',
      (error: { code: string }) => error.code,
    ),
  );
  expect(await cluster.simulation.complete(Promise.all(calls), 10_000)).toEqual(Array(3).fill('NOT_CONTROLLER'));
  await expect(active.controller.describeCluster()).rejects.toMatchObject({ code: 'NOT_CONTROLLER', leaderId: -1 });
  expect(active.controller.image.topicByName('orders')).toBeDefined();
});

test('another process with the node id of the controller is refused', async () => {
  const cluster = new QuorumCluster();
  const { controller, nodeId, directoryId } = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, controller));
  const before = controller.metadataOffset;
  const twin = registration(nodeId, { directoryId, incarnationId: 'twin' });
  await expect(controller.registerBroker(twin, 'remote')).rejects.toMatchObject({
    code: 'DUPLICATE_BROKER_REGISTRATION',
  });
  expect(controller.metadataOffset).toBe(before);
});

test('one seed gives one run', async () => {
  const run = async (): Promise<string> => {
    const cluster = new QuorumCluster({ seed: 11 });
    const { controller } = await cluster.startAll();
    await cluster.simulation.complete(startBrokers(cluster, controller));
    await topicOn(cluster, 'orders', 3);
    await cluster.settle();
    return `${cluster.simulation.traceHash()} ${controller.clusterId}`;
  };
  expect(await run()).toBe(await run());
});

test('a leader whose process has ended is followed by another long before its silence would tell', async () => {
  const cluster = new QuorumCluster();
  const leader = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, leader.controller));
  cluster.crash(leader.nodeId);
  const endedMs = cluster.simulation.nowMs;
  // A connection ends after all that it carried was read.
  await cluster.simulation.runFor(10);
  for (const { controller } of cluster.nodes.values()) controller.noteGone(leader.nodeId);
  const next = await cluster.active(400);
  expect(cluster.simulation.nowMs - endedMs).toBeLessThan(400);
  next.controller.noteGone(leader.nodeId);
  await cluster.simulation.runFor(50);
  expect(next.controller.image.brokers.get(leader.nodeId)?.state).toBe('fenced');
});

test('a new leader finds out which of the brokers are gone', async () => {
  const probed: number[] = [];
  const presence = { isConnected: () => true, probe: (nodeId: number) => probed.push(nodeId) };
  const cluster = new QuorumCluster({ presence });
  const leader = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, leader.controller));
  cluster.crash(leader.nodeId);
  const next = await cluster.active();
  await cluster.simulation.runFor(50);
  expect(new Set(probed)).toEqual(new Set(cluster.voterIds.filter((id) => id !== next.nodeId)));
});

test('a broker that was killed registers again at once, and a live one is not replaced', async () => {
  const connected = new Set<string>();
  const presence = {
    isConnected: (nodeId: number, incarnationId: string) => connected.has(`${nodeId} ${incarnationId}`),
    probe: () => undefined,
  };
  const cluster = new QuorumCluster({ presence });
  const { controller, nodeId: leaderId } = await cluster.startAll();
  await cluster.simulation.complete(startBrokers(cluster, controller));
  const [other] = cluster.others(leaderId);
  const { nodeId, directoryId } = other!;
  const before = controller.image.brokers.get(nodeId)!;
  const again = registration(nodeId, { directoryId, incarnationId: 'another process' });
  connected.add(`${nodeId} ${before.incarnationId}`);
  const refused = controller.registerBroker(again, 'remote').catch(errorCode);
  expect(await cluster.simulation.complete(refused)).toBe('DUPLICATE_BROKER_REGISTRATION');
  expect(controller.image.brokers.get(nodeId)).toEqual(before);
  connected.clear();
  const { brokerEpoch } = await cluster.simulation.complete(controller.registerBroker(again, 'remote'));
  expect(brokerEpoch).toBeGreaterThan(before.brokerEpoch);
  expect(controller.image.brokers.get(nodeId)).toMatchObject({ state: 'fenced', incarnationId: 'another process' });
});
