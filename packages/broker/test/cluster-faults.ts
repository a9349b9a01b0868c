import { seededRandom } from '@millrace/testkit';
import { PartitionChecks } from './cluster-checks.js';
import { ClusterFixture } from './cluster-fixture.js';
import { lostOrMoved, Writer } from './cluster-workload.js';

type Fate = 'lost' | 'kept' | 'random';
const fates: readonly Fate[] = ['lost', 'kept', 'random'];

export interface FaultRun {
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly trace: string;
}

/** One cluster under faults drawn from the seed, then healed, then read back. */
export async function runFaults(seed: number): Promise<FaultRun> {
  const cluster = await ClusterFixture.start({ seed });
  const { simulation } = cluster;
  const random = seededRandom(`faults of ${seed}`).stream('faults');
  const pick = <Item>(items: readonly Item[]): Item => items[random.integer(0, items.length)]!;
  const topicId = await cluster.topic('orders', { configs: { 'segment.bytes': '16384' } });
  const checks = new PartitionChecks(cluster, topicId);
  const writers = [new Writer(cluster, topicId, 'writer-a'), new Writer(cluster, topicId, 'writer-b')];
  const heals: (() => void)[] = [];
  for (let step = 0; step < 8; step++) {
    await simulation.runFor(random.integer(20, 900));
    const up = cluster.nodes.filter(({ broker }) => broker !== undefined);
    const node =
      random.integer(0, 2) === 0
        ? cluster.node(Math.max(1, cluster.partition(topicId).leader))
        : pick(up.length > 0 ? up : cluster.nodes);
    const fault = random.integer(0, 6);
    if (fault <= 1 && node.broker !== undefined) {
      if (fault === 0) cluster.crash(node.id, pick(fates));
      else cluster.kill(node.id);
      const backMs = random.integer(5, 3000);
      simulation.after(backMs, () => cluster.restartSoon(node.id));
    } else if (fault === 2) {
      const others = cluster.nodes.filter(({ id }) => id !== node.id).map(({ name }) => name);
      const isOneWay = random.integer(0, 2) === 0;
      for (const other of others) {
        simulation.network.cut(node.name, other);
        if (!isOneWay) simulation.network.cut(other, node.name);
      }
      node.faults.isCut = random.integer(0, 2) === 0;
    } else if (fault === 3) {
      node.faults.isCut = true;
    } else if (fault === 4) {
      node.faults.losesAlterPartitionAnswers = true;
    } else if (fault === 5) {
      simulation.setDiskLatency(node.name, { minMs: 1, maxMs: pick([20, 200]) });
    }
    heals.push(() => {
      simulation.network.heal();
      node.faults.isCut = false;
      node.faults.losesAlterPartitionAnswers = false;
      simulation.setDiskLatency(node.name, { minMs: 0.1, maxMs: 1 });
    });
    if (random.integer(0, 3) === 0) heals.shift()?.();
  }
  for (const heal of heals) heal();
  await simulation.runFor(3000);
  for (const writer of writers) await writer.stop();
  await cluster
    .until(() => cluster.isHealed(topicId), 30_000)
    .catch((error: unknown) => {
      throw new Error(`${String(error)}\n${cluster.describe(topicId)}`);
    });
  checks.stop();
  await checks.compareLogs();
  const acknowledged = writers.flatMap((writer) => writer.acknowledged);
  const lost = await lostOrMoved(cluster, topicId, acknowledged);
  return {
    violations: [...checks.violations, ...lost],
    acknowledged: acknowledged.length,
    trace: simulation.traceHash(),
  };
}
