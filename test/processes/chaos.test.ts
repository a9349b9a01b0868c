/**
 * Three real nodes under load while everything that may happen to them happens, one thing after the other: what was
 * acknowledged is there afterwards, once, at its offset, in order. Bounded; goes on for longer when asked:
 *
 *     MILLRACE_CLUSTER_CYCLES=200     faults in all, drawn at random after each was done once
 *     MILLRACE_CLUSTER_MINUTES=15     as many as fit into this time
 *     MILLRACE_CLUSTER_SEED=7         draws the same faults and victims again (processes keep their own timing)
 *     MILLRACE_CLUSTER_NETWORK=proxies   cuts wires in proxies, as where the machine has no network namespaces
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { expect, test } from 'vitest';
import { ClusterProcesses, nodeIds } from './cluster-processes.js';
import { checkHistoryFile } from './history/check-history-file.js';
import { HistoryFile } from './history/history-file.js';
import { RecordedLoad } from './history/recorded-load.js';
import { temporaryDirectory } from './node-process.js';
import { type ClusterNetwork, openNetwork } from './rig/cluster-network.js';
import { type Fault, type NetworkFaultContext, networkFaults, processFaults } from './rig/faults.js';

const cycles = Number(process.env['MILLRACE_CLUSTER_CYCLES'] ?? 0);
const minutes = Number(process.env['MILLRACE_CLUSTER_MINUTES'] ?? 0);
const seed = Number(process.env['MILLRACE_CLUSTER_SEED'] ?? Math.floor(Math.random() * 1e9));
const isSoak = cycles > 0 || minutes > 0;
const partitions = 3;
/** A topic, and the history that is judged as one. */
const cyclesPerRound = 15;
const sessionTimeoutMs = 1500;
const settings = [
  `broker.session.timeout.ms=${sessionTimeoutMs}`,
  'broker.heartbeat.interval.ms=300',
  'replica.lag.time.max.ms=2000',
  'segment.bytes=1048576',
];
const recordsPerSecond = 700;
const sendLimitMs = 90_000;
const lateMs = 30_000;

const faults = [...processFaults, ...networkFaults];

test(
  'nothing acknowledged is lost, repeated or reordered over kill -9, pauses, restarts and network cuts',
  { timeout: 300_000 + 2 * (minutes * 60_000 + cycles * 20_000) },
  async () => {
    using directory = temporaryDirectory();
    using network = await openNetwork(nodeIds, process.env['MILLRACE_CLUSTER_NETWORK']);
    const cluster = await ClusterProcesses.start(network.place(directory.path), settings);
    try {
      const run = new ChaosRun(cluster, network, directory.path);
      await run.all();
      process.stdout.write(`${run.summary()}\n`);
    } finally {
      network.heal();
      await cluster.stop();
    }
  },
);

class ChaosRun {
  readonly #cluster: ClusterProcesses;
  readonly #network: ClusterNetwork;
  readonly #directory: string;
  readonly #draw = drawsFrom(seed);
  readonly #startedMs = performance.now();
  readonly #done = new Map<string, number>();
  #waiting = shuffled(faults, this.#draw);
  #cycles = 0;
  #acknowledged = 0;
  #polled = 0;

  constructor(cluster: ClusterProcesses, network: ClusterNetwork, directory: string) {
    this.#cluster = cluster;
    this.#network = network;
    this.#directory = directory;
  }

  async all(): Promise<void> {
    await using admin = new Admin({ bootstrap: this.#cluster.bootstrap, requestTimeoutMs: 60_000 });
    for (let round = 0; round === 0 || this.#goesOn(); round += 1) await this.#round(admin, `ledger-${round}`);
  }

  summary(): string {
    const seconds = Math.round((performance.now() - this.#startedMs) / 1000);
    const done = [...this.#done].map(([name, count]) => `${count} x ${name}`).join(', ');
    return (
      `chaos (network of ${this.#network.kind}): seed ${seed}, ${this.#cycles} faults in ${seconds} s (${done}); ${this.#acknowledged} records ` +
      `acknowledged, ${this.#polled} read along, all there once and in order`
    );
  }

  /** One topic from its creation to its judgement. */
  async #round(admin: Admin, topic: string): Promise<void> {
    const cluster = this.#cluster;
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    const history = new HistoryFile(join(this.#directory, `${topic}.jsonl`));
    const load = new RecordedLoad({
      ...{ bootstrap: cluster.bootstrap, history, topic, partitions, recordsPerSecond, sendLimitMs },
      evidence: () => cluster.logs,
    });
    await load.progress();
    for (let cycle = 0; cycle < cyclesPerRound && (cycle === 0 || this.#goesOn()); cycle += 1) {
      const fault = this.#next();
      await cluster.whole(admin, topic);
      const startedMs = performance.now();
      history.add('nemesis', { kind: 'info', f: 'fault', text: fault.name });
      const context = { cluster, admin, load, topic, sessionTimeoutMs, draw: this.#draw };
      const victims = await fault.strike({ ...context, network: this.#network });
      await load.progressBeyondFlight();
      const text = `${fault.name}: ${victims}, over after ${Math.round(performance.now() - startedMs)} ms`;
      history.add('nemesis', { kind: 'info', f: 'fault', text });
      if (isSoak) process.stdout.write(`${this.#cycles}: ${text}\n`);
      this.#cycles += 1;
      this.#done.set(fault.name, (this.#done.get(fault.name) ?? 0) + 1);
    }
    await cluster.whole(admin, topic);
    await load.stop();
    history.close();
    this.#judge(history.path, load);
    await admin.deleteTopic(topic);
    rmSync(history.path);
  }

  #judge(path: string, load: RecordedLoad): void {
    const judgement = checkHistoryFile(path, { sendLimitMs: sendLimitMs + lateMs });
    expect(judgement.violations, this.#cluster.logs).toEqual([]);
    // The cluster was never away for longer than a producer tries: so nothing may have failed either.
    expect(load.failures).toEqual([]);
    expect(judgement.acknowledged).toBe(judgement.sent);
    expect(judgement.drained).toBe(judgement.sent);
    this.#acknowledged += judgement.acknowledged;
    this.#polled += judgement.polled;
  }

  #next(): Fault<NetworkFaultContext> {
    if (this.#waiting.length === 0) this.#waiting = shuffled(faults, this.#draw);
    const fault = this.#waiting.pop();
    if (fault === undefined) throw new Error('there are no faults');
    return fault;
  }

  #goesOn(): boolean {
    if (minutes > 0 && performance.now() - this.#startedMs < minutes * 60_000) return true;
    return minutes === 0 && this.#cycles < Math.max(cycles, faults.length);
  }
}

/** Numbers from 0 to 1 that a seed repeats. */
function drawsFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    // A 32-bit mix of a counter: even and without visible order, which is all that is asked of it here.
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

function shuffled<Item>(items: readonly Item[], draw: () => number): Item[] {
  return items
    .map((item) => ({ item, key: draw() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
