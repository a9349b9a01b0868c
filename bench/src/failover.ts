/**
 * How long nothing is acknowledged after kill -9, as a client sees it: three nodes with default settings, one partition led
 * by each, three replicas, acks=all, a record of each partition every few milliseconds. Each round kills one node: one
 * that leads a partition, or the one that leads the controller quorum (and a partition). The time without a leader is the
 * longest pause between two acknowledgements of the partition that the killed node led; the pause of the other
 * partitions, which wait until it has left their in-sync sets, is given too. Then the node is started again.
 *
 *     node bench/dist/failover.js [rounds]        prints each round, and JSON at the end
 */
import { pathToFileURL } from 'node:url';
import { Admin, Producer } from 'millrace';
import { startCluster } from './cluster-nodes.js';

export type Victim = 'partition leader' | 'controller leader';

export interface FailoverFigures {
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

export interface Percentiles {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
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
const giveUpMs = 60_000;

export async function measureFailover(kills: number, onRound?: (round: Round) => void): Promise<FailoverFigures[]> {
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
      await pause(settleMs);
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
      const round: Round = {
        victim,
        withoutLeaderMs: pauses[led] ?? NaN,
        othersMs: Math.max(...pauses.filter((_, partition) => partition !== led)),
        restartMs,
        wholeMs: performance.now() - restartedMs,
      };
      onRound?.(round);
      rounds.push(round);
    }
  } finally {
    await Promise.all(loads.map((load) => load.stop()));
    await admin.close();
  }
  return (['partition leader', 'controller leader'] as const).map((victim) => {
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
  for (const deadlineMs = performance.now() + giveUpMs; performance.now() < deadlineMs; await pause(50)) {
    const { nodes } = await admin.describeCluster();
    const { partitions } = await admin.describeTopic(topic);
    const isInSync = partitions.every(({ isr, replicas }) => isr.length === replicas.length);
    if (!isInSync || nodes.some(({ state }) => state !== 'active')) continue;
    if (partitions.every(({ leader, replicas }) => leader === replicas[0])) return;
    await admin.electLeaders('preferred', null);
  }
  throw new Error(`the cluster is not whole after ${giveUpMs} ms`);
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
    await pause(settleMs);
    const wanted = this.#acknowledged + 200;
    for (const deadlineMs = performance.now() + giveUpMs; this.#acknowledged < wanted; await pause(5)) {
      if (performance.now() > deadlineMs) throw new Error(`nothing was acknowledged for ${giveUpMs} ms`);
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close();
  }

  async #run(partition: number): Promise<void> {
    for (; !this.#isStopped; await pause(sendEveryMs)) {
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

/** By nearest rank. */
function percentiles(values: readonly number[]): Percentiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? NaN);
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const figures = await measureFailover(Number(process.argv[2] ?? 5), (round) => {
    process.stdout.write(`${JSON.stringify(round)}\n`);
  });
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
}
