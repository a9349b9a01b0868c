/**
 * Nodes with one role, and nodes that the list of voters does not have: controllers 1, 2 and 3, of which 3 holds no records;
 * brokers 4 and 5, of which 5 may be made a voter.
 */
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { expect, test } from 'vitest';
import { type NodeProcess, runMillrace, startNode, temporaryDirectory } from './node-process.js';
import { until } from './pause.js';
import { loopbackPlace } from './rig/cluster-place.js';

const topic = 'ledger';
const nodeIds = [1, 2, 3, 4, 5];
const roles = new Map([
  [3, 'controller'],
  [4, 'broker'],
]);

test('controllers, brokers and nodes outside the voters make one cluster', { timeout: 180_000 }, async () => {
  using directory = temporaryDirectory();
  const place = await loopbackPlace(directory.path, nodeIds);
  const voters = [1, 2, 3].map((id) => `${id}@${place.internal(id)}`).join(',');
  const argumentsOf = (nodeId: number, dataDir = place.dataDir(nodeId)): string[] => [
    ...['--data', dataDir, '--node-id', String(nodeId), '--voters', voters],
    ...['--roles', roles.get(nodeId) ?? 'controller,broker', '--internal', place.internal(nodeId)],
    ...['--client', place.client(nodeId), '--http', place.http(nodeId), '--log-level', 'warn'],
  ];
  const nodes = new Map<number, NodeProcess>();
  const start = async (nodeId: number): Promise<NodeProcess> => {
    const node = await startNode(argumentsOf(nodeId));
    nodes.set(nodeId, node);
    return node;
  };
  const end = async (nodeId: number, signal: NodeJS.Signals): Promise<number | null> => {
    const node = nodes.get(nodeId);
    nodes.delete(nodeId);
    return (await node?.end(signal)) ?? null;
  };
  const bootstrap = [1, 2, 4, 5].map((nodeId) => place.client(nodeId)).join(',');
  const cli = (...words: string[]) => runMillrace([...words, '--bootstrap', bootstrap, '--json']);
  const voterIds = async (): Promise<number[]> => {
    const { stdout } = await cli('cluster', 'voters');
    return (JSON.parse(stdout) as { voters: { nodeId: number }[] }).voters.map(({ nodeId }) => nodeId).sort();
  };
  try {
    await Promise.all(nodeIds.map(start));
    expect(nodes.get(3)?.ready).toMatchObject({ client: null });
    expect((await fetch(`http://${place.http(3)}/health/ready`)).status).toBe(200);
    await using admin = new Admin({ bootstrap, requestTimeoutMs: 30_000 });
    const described = async (): Promise<string[]> =>
      (await admin.describeCluster()).nodes.map(({ nodeId, roles, state }) => `${nodeId} ${roles.join('+')} ${state}`);
    await until(
      async () =>
        (await described()).join() ===
        '1 controller+broker active,2 controller+broker active,3 controller active,4 broker active,5 controller+broker active',
      {
        giveUpMs: 30_000,
        evidence: () => [...nodes.values()].map((node) => node.log()).join('\n'),
      },
    );
    await until(async () => (await voterIds()).join() === '1,2,3', { giveUpMs: 30_000, evidence: () => 'voters' });

    // A replica on a broker that has no vote, none on a controller that holds no records.
    await admin.createTopic({ name: topic, replicationFactor: 3 });
    expect(await cli('reassign', topic, '--replicas', '0=4,1,5', '--throttle', '20000000', '--watch')).toMatchObject({
      code: 0,
    });
    expect((await admin.describeTopic(topic)).configs['leader.replication.throttled.rate']?.source).not.toBe('topic');
    expect(await cli('leader', 'elect', topic, '--preferred')).toMatchObject({ code: 0 });
    expect((await admin.describeTopic(topic)).partitions[0]).toMatchObject({ leader: 4, replicas: [4, 1, 5] });
    await using producer = new Producer({ bootstrap });
    await producer.send({ topic, value: 'first' });
    const refused = await cli('topic', 'create', 'misplaced', '--replication-factor', '5');
    expect(refused.stderr).toContain('INVALID_REPLICATION_FACTOR');

    // Votes are given to controllers only, also those that no list has, and taken again.
    expect((await cli('cluster', 'add-voter', '4')).stderr).toContain('INVALID_REQUEST');
    expect(await cli('cluster', 'add-voter', '5')).toMatchObject({ code: 0, stderr: '' });
    expect(await voterIds()).toEqual([1, 2, 3, 5]);
    expect(await cli('cluster', 'remove-voter', '5')).toMatchObject({ code: 0, stderr: '' });
    expect(await voterIds()).toEqual([1, 2, 3]);

    // The quorum outlives its leader, whichever that is, and the broker without a vote follows the next one.
    const { controllerId } = await admin.describeCluster();
    await end(controllerId, 'SIGKILL');
    await producer.send({ topic, value: 'second' });
    await start(controllerId);
    expect(await end(4, 'SIGTERM')).toBe(0);
    await producer.send({ topic, value: 'third' });
    await start(4);
    expect(await end(3, 'SIGTERM')).toBe(0);

    // A controller that lost its disk lost its votes, and gets none by itself.
    const emptied = join(directory.path, 'emptied');
    await expect(startNode(argumentsOf(3, emptied))).rejects.toThrow('INVALID_VOTER_KEY');
    await start(3);

    const values: string[] = [];
    await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
    for await (const { value } of consumer.records({ signal: AbortSignal.timeout(20_000) })) {
      if (values.push(Buffer.from(value ?? []).toString()) === 3) break;
    }
    expect(values).toEqual(['first', 'second', 'third']);
  } finally {
    await Promise.all([...nodes.keys()].map((nodeId) => end(nodeId, 'SIGTERM')));
  }
});
