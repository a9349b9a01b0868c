/**
 * Three real nodes under load. What was acknowledged by all in-sync replicas is there afterwards, once, at its offset,
 * whoever was killed, paused or restarted meanwhile; a rolling restart costs no write.
 */
import { Admin } from '@millrace/admin';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ClusterProcesses, nodeIds, pause } from './cluster-processes.js';
import { startNode, temporaryDirectory } from './node-process.js';

const cycles = Number(process.env['MILLRACE_CLUSTER_CYCLES'] ?? 4);
const partitions = 3;
const topic = 'ledger';
/** Records on their way at any time: enough that each fault interrupts some. */
const recordsInFlight = 300;
/** Short, so that a killed node is given up soon; long enough for three nodes on a slow machine. */
const settings = ['broker.session.timeout.ms=3000', 'broker.heartbeat.interval.ms=500'];

let directory: ReturnType<typeof temporaryDirectory>;
let cluster: ClusterProcesses;
let admin: Admin;

beforeEach(async () => {
  directory = temporaryDirectory();
  cluster = await ClusterProcesses.start(directory.path, settings);
  admin = new Admin({ bootstrap: cluster.bootstrap, requestTimeoutMs: 60_000 });
});

afterEach(async () => {
  await admin.close();
  await cluster.stop();
  directory[Symbol.dispose]();
});

interface Acknowledged {
  readonly value: string;
  readonly partition: number;
  readonly offset: number;
}

class Load {
  readonly acknowledged: Acknowledged[] = [];
  readonly failures: Error[] = [];
  readonly #producer: Producer;
  readonly #running: Promise<void>;
  #isStopped = false;
  #sent = 0;

  constructor(bootstrap: string) {
    this.#producer = new Producer({
      bootstrap,
      acks: 'all',
      deliveryTimeoutMs: 120_000,
      retryBackoffMs: 20,
      retryBackoffMaxMs: 500,
    });
    this.#running = this.#run();
  }

  get sent(): number {
    return this.#sent;
  }

  /** Until `count` more records are acknowledged. */
  async progress(count = 100): Promise<void> {
    const wanted = this.acknowledged.length + count;
    for (const giveUpMs = performance.now() + 60_000; this.acknowledged.length < wanted; await pause(10))
      if (performance.now() > giveUpMs)
        throw new Error(`nothing was acknowledged for 60 s: ${String(this.failures[0])}\n${cluster.logs}`);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close();
  }

  async #run(): Promise<void> {
    for (; !this.#isStopped; await pause(2))
      while (this.#sent - this.acknowledged.length - this.failures.length < recordsInFlight) this.#send();
    await this.#producer.flush();
  }

  #send(): void {
    const value = String(this.#sent);
    const record = { topic, partition: this.#sent % partitions, value };
    this.#producer.enqueue(record, (error, partition, offset) => {
      if (error === undefined) this.acknowledged.push({ value, partition, offset });
      else this.failures.push(error);
    });
    this.#sent += 1;
  }
}

async function readAll(): Promise<string[][]> {
  const values: string[][] = Array.from({ length: partitions }, () => []);
  await using consumer = new Consumer({ bootstrap: cluster.bootstrap, topics: [topic], from: 'beginning' });
  await consumer.ready();
  const ends = await consumer.endOffsets();
  let missing = ends.reduce((sum, { offset }) => sum + offset, 0);
  if (missing === 0) return values;
  for await (const batch of consumer.batches({ signal: AbortSignal.timeout(60_000) })) {
    for (const record of batch) {
      const partition = values[record.partition];
      expect(record.offset).toBe(partition?.length);
      partition?.push(Buffer.from(record.value ?? []).toString());
      missing -= 1;
    }
    if (missing === 0) break;
  }
  return values;
}

function verify(load: Load, stored: readonly (readonly string[])[]): void {
  for (const { value, partition, offset } of load.acknowledged) expect(stored[partition]?.[offset]).toBe(value);
  const all = stored.flat();
  expect(new Set(all).size).toBe(all.length);
  expect(all.length).toBe(load.sent);
  for (const values of stored) {
    const numbers = values.map(Number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  }
}

async function victimOf(cycle: number): Promise<{ readonly nodeId: number; readonly role: string }> {
  const kind = cycle % 3;
  if (kind === 0) return { nodeId: (await admin.describeCluster()).controllerId, role: 'controller' };
  if (kind === 1) {
    const { partitions: described } = await admin.describeTopic(topic);
    return { nodeId: described[cycle % partitions]?.leader ?? 1, role: 'partition leader' };
  }
  return { nodeId: nodeIds[Math.floor(Math.random() * nodeIds.length)] ?? 1, role: 'any node' };
}

describe('three nodes', () => {
  test(`nothing acknowledged is lost or repeated over ${cycles} cycles of kill -9 and pauses under load`, async () => {
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    const load = new Load(cluster.bootstrap);
    await load.progress();
    const story: string[] = [];
    for (let cycle = 0; cycle < cycles; cycle += 1) {
      await cluster.whole(admin, topic);
      const { nodeId, role } = await victimOf(cycle);
      const isKill = cycle % 2 === 0;
      const startedMs = performance.now();
      if (isKill) expect(await cluster.end(nodeId, 'SIGKILL')).toBeNull();
      else cluster.pause(nodeId);
      // What was on its way when it happened may be acknowledged yet: only more than that shows that work goes on.
      await load.progress(2 * recordsInFlight);
      story.push(`${isKill ? 'kill' : 'pause'} ${role} ${nodeId}: ${Math.round(performance.now() - startedMs)} ms`);
      if (isKill) await cluster.startNode(nodeId);
      else cluster.resume(nodeId);
      await load.progress();
    }
    await cluster.whole(admin, topic);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.acknowledged.length).toBe(load.sent);
    verify(load, await readAll());
    process.stdout.write(`${load.sent} records acknowledged, all there once; ${story.join(', ')}\n`);
  });

  test('a rolling restart costs no write', async () => {
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    const load = new Load(cluster.bootstrap);
    await load.progress();
    for (const nodeId of nodeIds) {
      expect(await cluster.end(nodeId, 'SIGTERM')).toBe(0);
      await load.progress();
      await cluster.startNode(nodeId);
      await cluster.whole(admin, topic);
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    verify(load, await readAll());
  });

  test('without a majority writes and admin calls fail with typed errors in their time, and work again after', async () => {
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3 });
    await using producer = new Producer({ bootstrap: cluster.bootstrap, deliveryTimeoutMs: 5000 });
    await producer.send({ topic, value: 'before', partition: 0 });
    const { partitions: described } = await admin.describeTopic(topic);
    const leader = described[0]?.leader ?? 1;
    for (const nodeId of nodeIds.filter((id) => id !== leader)) await cluster.end(nodeId, 'SIGKILL');
    await expect(producer.send({ topic, value: 'meanwhile', partition: 0 })).rejects.toMatchObject({ retriable: true });
    await expect(admin.createTopic({ name: 'never' }, { timeoutMs: 3000 })).rejects.toMatchObject({ retriable: true });
    for (const nodeId of nodeIds.filter((id) => id !== leader)) await cluster.startNode(nodeId);
    await cluster.whole(admin, topic);
    const after = new Producer({ bootstrap: cluster.bootstrap });
    await after.send({ topic, value: 'after', partition: 0 });
    await after.close();
  });
});

describe('refused with one typed error', () => {
  async function refusal(args: readonly string[]): Promise<string> {
    const started = startNode(args);
    return started.then(
      async (node) => {
        await node.end('SIGKILL');
        return 'it started';
      },
      (error: unknown) => String(error),
    );
  }

  test('a node of another cluster, a voter with an emptied disk, voters that do not fit', async () => {
    await cluster.end(3, 'SIGTERM');
    const args = cluster.argumentsOf(3);
    using other = temporaryDirectory();
    expect(await refusal([...args, '--data', other.path])).toContain('INVALID_VOTER_KEY');
    expect(await refusal([...args, '--set', 'cluster.id=another'])).toContain('INCONSISTENT_CLUSTER_ID');
    expect(await refusal([...args, '--node-id', '4'])).toContain('INVALID_CONFIG');
    expect(await refusal([...args, '--node-id', '2'])).toContain('INVALID_CONFIG');
    // Each was refused and changed nothing.
    await cluster.startNode(3);
    expect((await admin.describeCluster()).nodes.map(({ nodeId }) => nodeId)).toEqual([1, 2, 3]);
  });
});
