/** From one voter to a quorum, and not back: what a node that was alone has stays, and a voter cannot go its own way. */
import { parseSettings } from '@millrace/base';
import { Controller, controllerSettings, metadataTopic } from '@millrace/controller';
import { LogDirectory } from '@millrace/storage';
import { expect, test } from 'vitest';
import { creation, QuorumCluster, registration, startBrokers } from './quorum-cluster.js';

async function openAlone(cluster: QuorumCluster, nodeId: number) {
  const environment = cluster.simulation.environment(`node${nodeId}`);
  const directory = await LogDirectory.open(environment, { path: '/data', nodeId, lowSpaceBytes: 0 });
  const { name: topic, partition, topicId, config } = metadataTopic;
  const log = await directory.createLog({ topic, partition, topicId, config });
  const settings = parseSettings(controllerSettings, {});
  try {
    const controller = await Controller.open(environment, { log, nodeId, settings, nodeDefaults: {} });
    return { controller, directory };
  } catch (error) {
    await directory.close();
    throw error;
  }
}

test('a node that was alone takes its topics along into a quorum', async () => {
  const cluster = new QuorumCluster();
  const { simulation } = cluster;
  const { controller, directory } = await simulation.complete(openAlone(cluster, 1));
  const { brokerEpoch } = await simulation.complete(controller.registerBroker(registration(1)));
  const { metadataOffset, clusterId } = controller;
  const beat = { nodeId: 1, brokerEpoch, metadataOffset, wantFence: false, wantShutdown: false };
  await simulation.complete(controller.heartbeat(beat));
  await simulation.complete(controller.createTopics(creation('orders')));
  await simulation.complete(controller.close());
  await simulation.complete(directory.close());

  await cluster.start(2, 3, 1);
  const active = await cluster.active();
  expect(active.nodeId).toBe(1);
  await simulation.runUntil(
    () => [...cluster.nodes.values()].every((node) => node.controller.role !== 'observer'),
    30_000,
  );
  await simulation.complete(startBrokers(cluster, active.controller));
  await cluster.settle();
  for (const node of cluster.nodes.values()) {
    expect(node.controller.clusterId).toBe(clusterId);
    expect(node.controller.image.topicByName('orders')).toBeDefined();
  }
  cluster.crash(1);
  const next = await cluster.active();
  expect(next.nodeId).not.toBe(1);
});

test('a voter of a quorum does not start alone', async () => {
  const cluster = new QuorumCluster();
  await cluster.startAll();
  await cluster.settle();
  await cluster.simulation.complete(cluster.node(2).close());
  await expect(cluster.simulation.complete(openAlone(cluster, 2))).rejects.toMatchObject({ code: 'INVALID_CONFIG' });
});
