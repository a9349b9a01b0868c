import { helloApi, type NodeCredentials, replicaFetchApi } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { ClusterFixture, send } from '../cluster-fixture.js';
import { errorName } from '../node-fixture.js';
import { RawClient } from '../raw-client.js';

async function asNode(cluster: ClusterFixture, to: number, node: NodeCredentials): Promise<RawClient> {
  const environment = cluster.simulation.environment('stranger');
  const client = await cluster.complete(RawClient.connect(environment, { host: cluster.node(to).name, port: 7401 }));
  const request = { softwareName: 'raw', softwareVersion: '0', clusterId: null, node };
  await cluster.complete(client.call(helloApi, request));
  return client;
}

const credentials = (nodeId: number): NodeCredentials => ({
  nodeId,
  clusterId: null,
  directoryId: 'directory',
  incarnationId: 'incarnation',
});

test('a fetch in the name of another node, of an earlier process, epoch or of no replica moves nothing', async () => {
  const cluster = await ClusterFixture.start();
  const topicId = await cluster.topic('orders');
  const { leader, leaderEpoch, partitionEpoch } = cluster.partition(topicId);
  const follower = leader === 1 ? 2 : 1;
  const current = cluster.image.brokers.get(follower)!.brokerEpoch;
  const entry = {
    topicId,
    partition: 0,
    leaderEpoch,
    fetchOffset: 0,
    lastFetchedEpoch: -1,
    syncedEndOffset: 1_000_000,
    logStartOffset: 0,
    maxBytes: 1000,
  };
  const fetch = (client: RawClient, brokerId: number, brokerEpoch: number, changes: Partial<typeof entry> = {}) =>
    cluster.complete(
      client.call(replicaFetchApi, {
        brokerId,
        brokerEpoch,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1000,
        partitions: [{ ...entry, ...changes }],
      }),
    );
  const client = await asNode(cluster, leader, credentials(follower));
  await expect(fetch(client, 3, current)).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' });
  await expect(fetch(client, follower, current - 1)).rejects.toMatchObject({ code: 'STALE_BROKER_EPOCH' });
  const codeOf = async (changes: Partial<typeof entry>): Promise<string> =>
    errorName((await fetch(client, follower, current, changes)).body.partitions[0]?.error);
  expect(await codeOf({ leaderEpoch: leaderEpoch + 1 })).toBe('UNKNOWN_LEADER_EPOCH');
  expect(await codeOf({ fetchOffset: 5 })).toBe('OFFSET_OUT_OF_RANGE');
  expect(await codeOf({ partition: 7 })).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  const nobody = await asNode(cluster, leader, credentials(9));
  expect(errorName((await fetch(nobody, 9, 0)).body.partitions[0]?.error)).toBe('REPLICA_NOT_AVAILABLE');
  const writer = await cluster.leaderClient(topicId);
  expect((await cluster.complete(send(writer, topicId, 'a'))).error).toBe('NONE');
  // It said that it has synced a million records of a log that had none: as many count as it has.
  expect(cluster.leader(topicId)?.highWatermark).toBe(1);
  expect(cluster.partition(topicId).partitionEpoch).toBe(partitionEpoch);
});
