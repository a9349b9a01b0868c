/**
 * Transactions of real processes, while clients and nodes are killed with kill -9: tellers who move money between
 * partitions, and members of a group that copy a topic. Sums are conserved, nothing is torn, nothing hangs, nothing that was
 * aborted is ever read, and every record is copied exactly once. Bounded; goes on for longer when asked:
 *
 *     MILLRACE_TRANSACTION_MINUTES=15     for so long in each of the two tests
 *     MILLRACE_TRANSACTION_SEED=7         draws the same faults again (processes keep their own timing)
 */
import { Admin } from '@millrace/admin';
import { Producer, type RecordRun } from '@millrace/producer';
import { expect, test } from 'vitest';
import { ClusterProcesses, nodeIds } from './cluster-processes.js';
import { type NodeProcess, startNode, temporaryDirectory } from './node-process.js';
import { pause, until } from './pause.js';
import { freePorts } from './rig/free-ports.js';
import { decidedEnds, differences, judgeCopy, judgeLedger, Reader } from './transactions/audit.js';
import { type Told, WorkerProcess } from './transactions/worker-process.js';

const minutes = Number(process.env['MILLRACE_TRANSACTION_MINUTES'] ?? 0);
const seed = Number(process.env['MILLRACE_TRANSACTION_SEED'] ?? Math.floor(Math.random() * 1e9));
const settings = [
  'group.consumer.session.timeout.ms=2000',
  'group.consumer.heartbeat.interval.ms=300',
  'offsets.topic.num.partitions=3',
  'transaction.state.log.num.partitions=3',
];
const partitions = 4;
const tellers = 3;
const copiers = 2;
const inputBatch = 25;
const giveUpMs = 120_000;
const timeoutMs = 480_000 + 3 * minutes * 60_000;

/** Strikes the servers once, and resolves when they are whole again. */
type StrikeNodes = (draw: () => number) => Promise<string>;

test('on one node that is killed', { timeout: timeoutMs }, async () => {
  using directory = temporaryDirectory();
  const [client = 0, internal = 0, http = 0] = await freePorts(3);
  const ports = [
    '--client',
    `127.0.0.1:${client}`,
    '--internal',
    `127.0.0.1:${internal}`,
    '--http',
    `127.0.0.1:${http}`,
  ];
  const set = settings.flatMap((setting) => ['--set', setting]);
  const start = (): Promise<NodeProcess> =>
    startNode(['--data', directory.path, ...ports, '--log-level', 'warn', ...set]);
  let node = await start();
  try {
    const strike: StrikeNodes = async () => {
      await node.end('SIGKILL');
      node = await start();
      return 'node killed';
    };
    await audit('one node', node.ready.client, 1, strike, () => node.log());
  } finally {
    await node.end('SIGTERM');
  }
});

test('on three nodes that are killed one after the other, coordinators too', { timeout: timeoutMs }, async () => {
  using directory = temporaryDirectory();
  const cluster = await ClusterProcesses.start(directory.path, settings);
  try {
    await using admin = new Admin({ bootstrap: cluster.bootstrap });
    let turn = 0;
    const strike: StrikeNodes = async (draw) => {
      const nodeId = nodeIds[(turn++ + Math.floor(draw() * 2)) % nodeIds.length] ?? 1;
      await cluster.end(nodeId, 'SIGKILL');
      await pause(500 + draw() * 2500);
      await cluster.startNode(nodeId);
      await cluster.whole(admin, 'ledger');
      return `node ${nodeId} killed`;
    };
    await audit('three nodes', cluster.bootstrap, 3, strike, () => cluster.logs);
  } finally {
    await cluster.stop();
  }
});

async function audit(
  name: string,
  bootstrap: string,
  replicationFactor: number,
  strikeNodes: StrikeNodes,
  logs: () => string,
): Promise<void> {
  await using admin = new Admin({ bootstrap, requestTimeoutMs: 60_000 });
  for (const topic of ['ledger', 'input', 'output']) {
    await admin.createTopic({ name: topic, partitions, replicationFactor });
  }
  const crew = new Crew(bootstrap);
  const input = new Input(bootstrap);
  const [ledger, output] = [new Reader(bootstrap, 'ledger'), new Reader(bootstrap, 'output')];
  const draw = drawsFrom(seed);
  const done = new Map<string, number>();
  const startedMs = performance.now();
  const evidence = (): string => `${crew.log}\n${logs()}`;
  try {
    // Nobody can know what is read before it has been found.
    await Promise.all([ledger.ready(), output.ready()]);
    await until(() => ledger.records.length > 0 && output.records.length > 0, { giveUpMs, evidence });
    const strikes = [
      strikeNodes,
      () => crew.killTeller(draw),
      () => crew.killCopier(draw),
      () => crew.replaceTeller(draw),
    ];
    for (let cycle = 0; cycle < strikes.length || performance.now() - startedMs < minutes * 60_000; cycle += 1) {
      const before = [ledger.records.length, output.records.length];
      const what = await (strikes[cycle % strikes.length] as StrikeNodes)(draw);
      const kind = what.replace(/\d+/, 'N');
      done.set(kind, (done.get(kind) ?? 0) + 1);
      // Both go on before the next thing happens.
      await until(() => ledger.records.length > (before[0] ?? 0) + 10 && output.records.length > (before[1] ?? 0), {
        giveUpMs,
        evidence,
      });
    }
    await input.stop();
    const told = await crew.stopTellers();
    await until(() => output.records.length >= input.sent.size, {
      giveUpMs,
      evidence: () => `${output.records.length} of ${input.sent.size} are copied\n${evidence()}`,
    });
    await crew.stopCopiers();

    const findings = await final(bootstrap, ledger, output);
    const result = judgeLedger(findings.ledger, told);
    expect([...result.problems, ...findings.problems].slice(0, 10), evidence()).toEqual([]);
    expect(judgeCopy(findings.output, input.sent).slice(0, 10), evidence()).toEqual([]);
    expect(result.sum).toBe(0);
    const count = (of: keyof Told): number => told.filter((one) => one[of] !== undefined).length;
    expect(count('committed')).toBeGreaterThan(15);
    expect(count('aborted')).toBeGreaterThan(0);
    const faults = [...done].map(([kind, times]) => `${times} x ${kind}`).join(', ');
    process.stdout.write(
      `transactions on ${name}: seed ${seed}, ${Math.round((performance.now() - startedMs) / 1000)} s, ${faults}; ` +
        `${count('committed')} transfers committed, ${count('aborted') + count('failed')} aborted, ${count('fenced')} ` +
        `fenced, ${result.transfers} read, sum ${result.sum}, torn 0, hanging 0, aborted and read 0; ` +
        `${input.sent.size} records copied exactly once\n`,
    );
  } finally {
    await crew.end();
    await input.stop();
    await Promise.all([ledger.close(), output.close()]);
  }
}

/** Everything is decided; readers from the beginning see what those saw that read along. */
async function final(bootstrap: string, ledger: Reader, output: Reader) {
  const found = { ledger: ledger.records, output: output.records, problems: [] as string[] };
  for (const [topic, along] of [
    ['ledger', ledger],
    ['output', output],
  ] as const) {
    const ends = await decidedEnds(bootstrap, topic);
    const again = new Reader(bootstrap, topic);
    await Promise.all([along.reach(ends), again.reach(ends)]);
    await again.close();
    found.problems.push(...differences(along.records, again.records));
    found[topic] = again.records;
  }
  return found;
}

/** Records for the copiers, until it is stopped. */
class Input {
  /** `partition:offset` of what is acknowledged. */
  readonly sent = new Set<string>();
  readonly #producer: Producer;
  readonly #running: Promise<void>;
  #isStopped = false;

  constructor(bootstrap: string) {
    this.#producer = new Producer({ bootstrap });
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close();
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#isStopped; number += inputBatch) {
      const records = Array.from({ length: inputBatch }, (_, index) => ({
        partition: (number + index) % partitions,
        value: `v${number + index}`,
      }));
      const { results } = await this.#producer.sendBatch({ topic: 'input', records });
      for (const { partition, offset } of results.flatMap(expanded)) this.sent.add(`${partition}:${offset}`);
      await pause(40);
    }
  }
}

function expanded({ partition, firstOffset, recordCount }: RecordRun) {
  return Array.from({ length: recordCount }, (_, index) => ({ partition, offset: firstOffset + index }));
}

/** The processes that use transactions. */
class Crew {
  readonly #bootstrap: string;
  readonly #tellers: WorkerProcess[] = [];
  readonly #copiers: WorkerProcess[] = [];
  /** Those that were killed or replaced. */
  readonly #former: WorkerProcess[] = [];
  #incarnation = 0;

  constructor(bootstrap: string) {
    this.#bootstrap = bootstrap;
    for (let index = 0; index < tellers; index += 1) this.#tellers.push(this.#teller(index));
    for (let index = 0; index < copiers; index += 1) this.#copiers.push(this.#copier(index));
  }

  get log(): string {
    return [...this.#former, ...this.#tellers, ...this.#copiers]
      .map(({ log, told }) => `${log}${JSON.stringify(told.filter(({ message }) => message !== undefined).slice(-5))}`)
      .join('\n');
  }

  async killTeller(draw: () => number): Promise<string> {
    const index = Math.floor(draw() * tellers);
    await this.#retire(this.#tellers[index]);
    this.#tellers[index] = this.#teller(index);
    return 'client killed';
  }

  async killCopier(draw: () => number): Promise<string> {
    const index = Math.floor(draw() * copiers);
    await this.#retire(this.#copiers[index]);
    this.#copiers[index] = this.#copier(index);
    return 'group member killed';
  }

  /**
   * One is paused, another starts under its id; when the first wakes up it is shut out. It must have begun before: one that
   * had only been started would begin when it wakes up, and shut out the other.
   */
  async replaceTeller(draw: () => number): Promise<string> {
    const index = Math.floor(draw() * tellers);
    const zombie = this.#tellers[index] as WorkerProcess;
    const hasCommitted = ({ told }: WorkerProcess): boolean => told.some(({ committed }) => committed !== undefined);
    const patience = { giveUpMs, evidence: () => this.log };
    await until(() => hasCommitted(zombie), patience);
    zombie.signal('SIGSTOP');
    const successor = this.#teller(index);
    this.#tellers[index] = successor;
    this.#former.push(zombie);
    await until(() => hasCommitted(successor), patience);
    zombie.signal('SIGCONT');
    await until(() => zombie.hasEnded, patience);
    expect(await zombie.ended(), zombie.log).toBe(3);
    return 'zombie woken up';
  }

  /** What all of them were told. */
  async stopTellers(): Promise<Told[]> {
    for (const teller of this.#tellers) expect(await teller.end('SIGTERM'), teller.log).toBe(0);
    return [...this.#former, ...this.#tellers].flatMap(({ told }) => told);
  }

  async stopCopiers(): Promise<void> {
    for (const copier of this.#copiers) expect(await copier.end('SIGTERM'), copier.log).toBe(0);
  }

  async end(): Promise<void> {
    const all = [...this.#former, ...this.#tellers, ...this.#copiers];
    await Promise.all(all.filter(({ hasEnded }) => !hasEnded).map((worker) => worker.end('SIGKILL')));
  }

  async #retire(worker: WorkerProcess | undefined): Promise<void> {
    if (worker === undefined) return;
    this.#former.push(worker);
    await worker.end('SIGKILL');
  }

  #teller(index: number): WorkerProcess {
    const incarnation = String(this.#incarnation++);
    const args = [this.#bootstrap, `teller-${index}`, incarnation, 'ledger', String(partitions)];
    return new WorkerProcess('bank-teller.mjs', args);
  }

  #copier(index: number): WorkerProcess {
    const args = [this.#bootstrap, `copier-${index}`, 'copiers', 'input', 'output', String(partitions)];
    return new WorkerProcess('copy-worker.mjs', args);
  }
}

/** A small generator: the same seed draws the same faults. */
function drawsFrom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
