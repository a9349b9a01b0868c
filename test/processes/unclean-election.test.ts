/**
 * The only in-sync replica of a partition is gone: the partition waits for it, whatever else is alive, until somebody asks
 * for an unclean election. That loses acknowledged records, which is said, and the one that had them gives them up.
 */
import { Admin } from '@millrace/admin';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { expect, test } from 'vitest';
import { ClusterProcesses, nodeIds } from './cluster-processes.js';
import { type Finished, runMillrace, temporaryDirectory } from './node-process.js';
import { until } from './pause.js';

const topic = 'ledger';
const settings = ['broker.session.timeout.ms=3000', 'broker.heartbeat.interval.ms=500'];

test('a partition without its only in-sync replica is offline until an unclean election, which says what it costs', async () => {
  using directory = temporaryDirectory();
  const cluster = await ClusterProcesses.start(directory.path, settings);
  try {
    const { bootstrap } = cluster;
    const elect = (...how: readonly string[]): Promise<Finished> =>
      runMillrace(['leader', 'elect', topic, ...how, '--bootstrap', bootstrap]);
    await using admin = new Admin({ bootstrap, requestTimeoutMs: 60_000 });
    const described = async () => {
      const [partition] = (await admin.describeTopic(topic)).partitions;
      if (partition === undefined) throw new Error('the topic has a partition');
      return partition;
    };
    const becomes = async (what: object): Promise<void> => {
      let seen: object = {};
      const isSo = async (): Promise<boolean> => {
        seen = await described();
        return Object.entries(what).every(
          ([key, value]) => JSON.stringify(Reflect.get(seen, key)) === JSON.stringify(value),
        );
      };
      await until(isSo, { evidence: () => `${JSON.stringify(seen)}\n${cluster.logs}` });
    };
    // Two copies: the third node keeps the majority of the voters, and has nothing of the partition.
    await admin.createTopic({
      name: topic,
      partitions: 1,
      replicationFactor: 2,
      configs: { 'min.insync.replicas': '1' },
    });
    await cluster.whole(admin, topic);
    const { leader, replicas } = await described();
    const follower = replicas.find((nodeId) => nodeId !== leader) ?? 0;
    expect(nodeIds).toContain(follower);

    await send(bootstrap, 'kept', 0);
    await cluster.end(follower, 'SIGKILL');
    await becomes({ isr: [leader] });
    await send(bootstrap, 'lost', 1);
    await cluster.end(leader, 'SIGKILL');
    await cluster.startNode(follower);
    await becomes({ leader: -1, isr: [], elr: [leader] });

    // A replica is alive and could lead: nothing makes it, as long as nobody asks for it.
    await using impatient = new Producer({ bootstrap, deliveryTimeoutMs: 6000 });
    await expect(impatient.send({ topic, value: 'refused' })).rejects.toMatchObject({ retriable: true });
    const preferred = await elect('--preferred');
    expect(preferred.code).toBe(preferred.stdout.includes('ELECTION_NOT_NEEDED') ? 0 : 1);
    expect(await elect('--unclean')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('may lose records') as string,
    });
    expect(await described()).toMatchObject({ leader: -1, elr: [leader] });

    const elected = await elect('--unclean', '--yes');
    expect(elected).toMatchObject({ code: 0, stderr: '' });
    expect(elected.stdout).toContain('acknowledged records that only the other replicas have are lost');
    await becomes({ leader: follower, isr: [follower] });
    expect(await values(bootstrap, 1)).toEqual(['kept']);
    await send(bootstrap, 'instead', 1);

    // The one that had the record finds another at its offset, and takes that.
    await cluster.startNode(leader);
    await cluster.whole(admin, topic);
    expect(await values(bootstrap, 2)).toEqual(['kept', 'instead']);
    await cluster.end(follower, 'SIGTERM');
    await becomes({ leader });
    expect(await values(bootstrap, 2)).toEqual(['kept', 'instead']);
  } finally {
    await cluster.stop();
  }
});

async function send(bootstrap: string, value: string, offset: number): Promise<void> {
  await using producer = new Producer({ bootstrap });
  expect(await producer.send({ topic, value })).toMatchObject({ offset });
}

async function values(bootstrap: string, count: number): Promise<string[]> {
  const found: string[] = [];
  await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
  for await (const { value } of consumer.records({ signal: AbortSignal.timeout(30_000) })) {
    found.push(Buffer.from(value ?? []).toString());
    if (found.length === count) break;
  }
  return found;
}
