/** A node that is started on a data directory of another cluster ends with one typed error; neither cluster changes. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Producer } from '@millrace/producer';
import { expect, test } from 'vitest';
import { ClusterProcesses } from './cluster-processes.js';
import { runMillrace, startNode, temporaryDirectory } from './node-process.js';
import { freePorts } from './rig/free-ports.js';

const topic = 'ledger';

test('a data directory of another cluster ends the start with INCONSISTENT_CLUSTER_ID, and nothing changes', async () => {
  using directory = temporaryDirectory();
  // A cluster of one, whose node has the number of a node of the other.
  const foreign = join(directory.path, 'foreign');
  const [internal = 0] = await freePorts(1);
  const free = '127.0.0.1:0';
  const alone = [
    ...['--data', foreign, '--node-id', '3', '--voters', `3@127.0.0.1:${internal}`],
    ...['--client', free, '--internal', `127.0.0.1:${internal}`, '--http', free, '--log-level', 'error'],
  ];
  const first = await startNode(alone);
  await send(first.ready.client, 0);
  expect(await first.end('SIGTERM')).toBe(0);

  const metadataDir = join(foreign, '__cluster_metadata-0');
  const metadata = (): unknown => [
    readdirSync(metadataDir).sort(),
    readFileSync(join(metadataDir, '00000000000000000000.log'), 'hex'),
  ];
  const untouched = metadata();

  const cluster = await ClusterProcesses.start(directory.path);
  try {
    await using admin = new Admin({ bootstrap: cluster.bootstrap, requestTimeoutMs: 60_000 });
    await admin.createTopic({ name: topic, partitions: 1, replicationFactor: 3 });
    const { clusterId } = await admin.describeCluster();
    expect(clusterId).not.toBe(first.ready.clusterId);
    expect(await cluster.end(3, 'SIGTERM')).toBe(0);
    // It could elect itself, for its own cluster has no other voter: the list on the command line says what is meant.
    const { code, stdout, stderr } = await runMillrace(['server', ...cluster.argumentsOf(3), '--data', foreign]);
    expect({ code, stdout, stderr }).toMatchObject({ code: 1, stdout: '' });
    expect(stderr).toContain('millrace: INCONSISTENT_CLUSTER_ID');
    expect(stderr).toContain(clusterId);
    expect(metadata()).toEqual(untouched);
    await cluster.startNode(3);
    await cluster.whole(admin, topic);
    await send(cluster.bootstrap, 0);
  } finally {
    await cluster.stop();
  }

  const again = await startNode(alone);
  expect(again.ready.clusterId).toBe(first.ready.clusterId);
  await send(again.ready.client, 1);
  expect(await again.end('SIGTERM')).toBe(0);
});

async function send(bootstrap: string, offset: number): Promise<void> {
  await using producer = new Producer({ bootstrap });
  expect(await producer.send({ topic, partition: 0, value: 'value' })).toMatchObject({ offset });
}
