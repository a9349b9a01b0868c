/**
 * How long nothing is acknowledged after kill -9, as a client sees it: three nodes with default settings, one partition led
 * by each, three replicas, acks=all, a record of each partition every few milliseconds. Each round kills one node: one
 * that leads a partition, or the one that leads the controller quorum (and a partition). The time without a leader is the
 * longest pause between two acknowledgements of the partition that the killed node led; the pause of the other
 * partitions, which wait until it has left their in-sync sets, is given too. Then the node is started again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Producer } from 'millrace';
import { startCluster } from '../nodes/cluster-nodes.js';
import { isInSync, until } from '../nodes/until.js';
import { type Percentiles, percentiles } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

type Victim = (typeof victims)[number];

interface FailoverFigures {
  readonly victim: Victim;
  readonly kills: number;
  /** Of the partition that the victim led. */
  readonly withoutLeaderMs: Percentiles;
  /** Of the partitions that it only followed. */
  readonly othersMs: Percentiles;
  /** From its start until the node serves, and until all replicas are in sync again. */
  readonly restartMs: Percentiles;
  readonly wholeMs: Percentiles;
}

interface Round {
  readonly victim: Victim;
  readonly withoutLeaderMs: number;
  readonly othersMs: number;
  readonly restartMs: number;
  readonly wholeMs: number;
}

const topic = 'failover';
const sendEveryMs = 4;
const settleMs = 1000;
const victims = ['partition leader', 'controller leader'] as const;

async function measure({ pick }: Scale): Promise<FailoverFigures[]> {
  const kills = pick(5, 20);
  await using cluster = await startCluster(3);
  const admin = new Admin({ bootstrap: cluster.bootstrap });
  const partitions = cluster.nodeIds.map((_, index) => index);
  await admin.createTopics([{ name: topic, partitions: partitions.length, replicationFactor: 3 }]);
  const loads = partitions.map((partition) => new Load(cluster.bootstrap, partition));
  const rounds: Round[] = [];
  try {
    for (let index = 0; index < 2 * kills; index += 1) {
      const victim: Victim = index % 2 === 0 ? 'partition leader' : 'controller leader';
      await whole(admin);
      await sleep(settleMs);
      const { controllerId } = await admin.describeCluster();
      const { partitions: before } = await admin.describeTopic(topic);
      const nodeId = victim === 'controller leader' ? controllerId : cluster.nodeIds.find((id) => id !== controllerId)!;
      const led = before.findIndex(({ leader }) => leader === nodeId);
      for (const load of loads) load.forget();
      cluster.kill(nodeId);
      await Promise.all(loads.map((load) => load.progress()));
      const pauses = loads.map((load) => load.longestPauseMs);
      const restartedMs = performance.now();
      const restartMs = await cluster.restart(nodeId);
      await whole(admin);
      rounds.push({
        victim,
        withoutLeaderMs: pauses[led] ?? NaN,
        othersMs: Math.max(...pauses.filter((_, partition) => partition !== led)),
        restartMs,
        wholeMs: performance.now() - restartedMs,
      });
    }
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
    await admin.close();
  }
  return victims.map((victim) => {
    const of = (figure: Exclude<keyof Round, 'victim'>): Percentiles =>
      percentiles(rounds.filter((round) => round.victim === victim).map((round) => round[figure]));
    return {
      victim,
      kills,
      withoutLeaderMs: of('withoutLeaderMs'),
      othersMs: of('othersMs'),
      restartMs: of('restartMs'),
      wholeMs: of('wholeMs'),
    };
  });
}

/** Until every node is active, every replica in sync, and every partition led by its preferred replica. */
async function whole(admin: Admin): Promise<void> {
  await until('the cluster is whole', async () => {
    const { nodes } = await admin.describeCluster();
    const { partitions } = await admin.describeTopic(topic);
    if (!partitions.every(isInSync) || nodes.some(({ state }) => state !== 'active')) return false;
    if (partitions.every(({ leader, replicas }) => leader === replicas[0])) return true;
    await admin.electLeaders('preferred', null);
    return false;
  });
}

/** Sends to one partition all the time, and remembers when something was acknowledged. */
class Load {
  readonly #producer: Producer;
  readonly #running: Promise<void>;
  #isStopped = false;
  #acknowledged = 0;
  #lastMs = performance.now();
  #longestMs = 0;

  constructor(bootstrap: string, partition: number) {
    this.#producer = new Producer({ bootstrap, acks: 'all' });
    this.#running = this.#run(partition);
  }

  get longestPauseMs(): number {
    return this.#longestMs;
  }

  forget(): void {
    this.#longestMs = 0;
  }

  /** Until much more is acknowledged than can have been on its way. */
  async progress(): Promise<void> {
    await sleep(settleMs);
    const wanted = this.#acknowledged + 200;
    await until('records are acknowledged again', () => this.#acknowledged >= wanted, 5);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close();
  }

  async #run(partition: number): Promise<void> {
    for (; !this.#isStopped; await sleep(sendEveryMs)) {
      this.#producer.send({ topic, partition, value: 'x' }).then(
        () => this.#note(),
        (error: unknown) => process.stderr.write(`not acknowledged: ${String(error)}\n`),
      );
    }
  }

  #note(): void {
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
    this.#acknowledged += 1;
  }
}

export const failover = defineSuite<FailoverFigures[]>({
  name: 'failover',
  title: 'Failover',
  measure,
  present: (figures) => ({
    figures: figures.flatMap(({ victim, kills, withoutLeaderMs, othersMs, wholeMs }) => {
      const of = ({ p50, p99, max }: Percentiles): string => `${p50} / ${p99} / ${max}`;
      const killed = `kill -9 of the ${victim}, ${kills} times, p50 / p99 / max`;
      return [
        { name: `nothing acknowledged after ${killed}`, value: of(withoutLeaderMs), unit: 'ms' },
        { name: `the same of partitions that it followed, ${killed}`, value: of(othersMs), unit: 'ms' },
        { name: `restart to all in sync after ${killed}`, value: of(wholeMs), unit: 'ms' },
      ];
    }),
    notes: `Three nodes on this one machine with default settings, three replicas and \`acks=all\`: the longest pause between two
acknowledgements of the partition that the killed node led. It says nothing of a node that loses its power or its
network: that one is fenced after \`broker.session.timeout.ms\`.`,
  }),
});
