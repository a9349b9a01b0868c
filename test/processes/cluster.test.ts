/**
 * Three real nodes: a rolling restart costs no write; without a majority reads go on and the rest is refused in its time;
 * nodes and clients that are where they do not belong are refused with one typed error, and change nothing.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { ClusterClient } from '@millrace/client';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { replicaFetchApi } from '@millrace/protocol';
import { describe, test } from 'vitest';
import { ClusterProcesses, nodeIds } from './cluster-processes.js';
import { checkHistoryFile } from './history/check-history-file.js';
import { HistoryFile } from './history/history-file.js';
import { RecordedLoad } from './history/recorded-load.js';
import { startNode, temporaryDirectory } from './node-process.js';
import { freePorts } from './rig/free-ports.js';

const topic = 'ledger';
const partitions = 3;
/** Short, so that a killed node is given up soon; long enough for three nodes on a slow machine. */
const settings = ['broker.session.timeout.ms=3000', 'broker.heartbeat.interval.ms=500'];

/** A cluster with the topic, and all that a test needs of it; gone when the test is over. */
async function withCluster(
  body: (parts: { cluster: ClusterProcesses; admin: Admin; directory: string }) => Promise<void>,
): Promise<void> {
  using directory = temporaryDirectory();
  const cluster = await ClusterProcesses.start(directory.path, settings);
  try {
    await using admin = new Admin({ bootstrap: cluster.bootstrap, requestTimeoutMs: 60_000 });
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    await body({ cluster, admin, directory: directory.path });
  } finally {
    await cluster.stop();
  }
}

describe.concurrent('three nodes', () => {
  test('a rolling restart costs no acknowledged write, and fails none', async ({ expect }) => {
    await withCluster(async ({ cluster, admin, directory }) => {
      const { bootstrap } = cluster;
      const history = new HistoryFile(join(directory, 'history.jsonl'));
      const load = new RecordedLoad({ bootstrap, history, topic, partitions, evidence: () => cluster.logs });
      await load.progress();
      for (const nodeId of nodeIds) {
        expect(await cluster.end(nodeId, 'SIGTERM')).toBe(0);
        await load.progressBeyondFlight();
        await cluster.startNode(nodeId);
        await cluster.whole(admin, topic);
      }
      await load.stop();
      history.close();
      expect(load.failures).toEqual([]);
      const judgement = checkHistoryFile(history.path, { sendLimitMs: 90_000 });
      expect(judgement.violations).toEqual([]);
      expect(judgement.acknowledged).toBe(judgement.sent);
      process.stdout.write(`rolling restart: ${judgement.acknowledged} records acknowledged, none failed\n`);
    });
  });

  test('without a majority what is committed is read, and the rest fails with typed errors in its time', async ({
    expect,
  }) => {
    await withCluster(async ({ cluster, admin }) => {
      const { bootstrap } = cluster;
      await using producer = new Producer({ bootstrap, deliveryTimeoutMs: 4000 });
      await producer.send({ topic, value: 'before', partition: 0 });
      await admin.createTopic({ name: 'doomed' });
      const { partitions: described } = await admin.describeTopic(topic);
      const leader = described[0]?.leader ?? 1;
      for (const nodeId of nodeIds.filter((id) => id !== leader)) await cluster.end(nodeId, 'SIGKILL');

      expect(await firstValue(bootstrap)).toBe('before');
      const refused = { retriable: true };
      const writes = Array.from({ length: 3 }, (_, partition) =>
        expect(producer.send({ topic, value: 'meanwhile', partition })).rejects.toMatchObject(refused),
      );
      const shortly = { timeoutMs: 3000 };
      const asks = [
        expect(admin.createTopic({ name: 'never' }, shortly)).rejects.toMatchObject(refused),
        expect(admin.deleteTopic('doomed', shortly)).rejects.toMatchObject(refused),
        expect(admin.createPartitions('doomed', 9, shortly)).rejects.toMatchObject(refused),
        expect(admin.electLeaders('preferred', [{ topic, partition: 0 }], shortly)).rejects.toMatchObject(refused),
      ];
      await Promise.all([...writes, ...asks]);
      expect(await firstValue(bootstrap)).toBe('before');

      await cluster.startAll();
      await cluster.whole(admin, topic);
      await using after = new Producer({ bootstrap });
      await after.send({ topic, value: 'after', partition: 0 });
    });
  });

  test('what does not belong is refused with one typed error, and changes nothing', async ({ expect }) => {
    await withCluster(async ({ cluster, admin, directory }) => {
      const { bootstrap } = cluster;
      const live = cluster.argumentsOf(3);

      // Nodes that would be one that is alive: on its directory, and on one of their own at another address.
      const elsewhere = ['--client', '127.0.0.1:0', '--http', '127.0.0.1:0'];
      expect(await refusal([...live, ...elsewhere])).toContain('DATA_DIRECTORY_LOCKED');
      const [port = 0] = await freePorts(1);
      const voters = live[live.indexOf('--voters') + 1] ?? '';
      const at = (list: string): string[] => ['--internal', `127.0.0.1:${port}`, '--voters', list];
      const twinVoters = voters.replace(cluster.place.internal(3), `127.0.0.1:${port}`);
      const twin = ['--data', join(directory, 'twin'), ...at(twinVoters)];
      expect(await refusal([...live, ...elsewhere, ...twin])).toContain('DUPLICATE_BROKER_REGISTRATION');
      // One that means another cluster than the one that it asks.
      const stranger = ['--node-id', '4', '--data', join(directory, 'stranger')];
      const wider = at(`${voters},4@127.0.0.1:${port}`);
      expect(await refusal([...live, ...elsewhere, ...stranger, ...wider])).toContain('INCONSISTENT_VOTER_SET');

      await cluster.end(3, 'SIGTERM');
      const emptied = join(directory, 'emptied');
      mkdirSync(emptied);
      expect(await refusal([...live, '--data', emptied])).toContain('INVALID_VOTER_KEY');
      expect(await refusal([...live, '--set', 'cluster.id=another'])).toContain('INCONSISTENT_CLUSTER_ID');
      expect(await refusal([...live, '--node-id', '4'])).toContain('INCONSISTENT_NODE_ID');
      expect(await refusal([...live, '--node-id', '2'])).toContain('INVALID_CONFIG');
      await cluster.startNode(3);

      // Clients at the door for nodes.
      const door = cluster.place.internal(1);
      await using lost = new Admin({ bootstrap: door, requestTimeoutMs: 3000 });
      await expect(lost.listTopics()).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' });
      await using stray = new Producer({ bootstrap: door, deliveryTimeoutMs: 3000 });
      await expect(stray.send({ topic, value: 'stray' })).rejects.toMatchObject({
        code: 'CLUSTER_AUTHORIZATION_FAILED',
      });

      // A client that asks for what only followers get.
      const client = new ClusterClient({ bootstrap });
      const ask = { brokerId: 2, brokerEpoch: 1_000_000, maxWaitMs: 0, minBytes: 0, maxBytes: 1000, partitions: [] };
      await expect(client.call('any', replicaFetchApi, ask, [])).rejects.toMatchObject({ retriable: false });
      await client.close();

      await using producer = new Producer({ bootstrap });
      expect(await producer.send({ topic, value: 'first', partition: 0 })).toMatchObject({ offset: 0 });
      await cluster.whole(admin, topic);
      expect((await admin.describeCluster()).nodes.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
      expect((await admin.listTopics()).map(({ name }) => name)).toEqual([topic]);
    });
  });
});

async function firstValue(bootstrap: string): Promise<string> {
  await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
  for await (const { value } of consumer.records({ signal: AbortSignal.timeout(20_000) })) {
    return Buffer.from(value ?? []).toString();
  }
  return 'nothing';
}

async function refusal(args: readonly string[]): Promise<string> {
  return startNode(args).then(
    async (node) => {
      await node.end('SIGKILL');
      return 'it started';
    },
    (error: unknown) => String(error),
  );
}
