/**
 * kill -9 under load, many cycles, a real process on a real disk: what was acknowledged is there afterwards, at the offset
 * that was promised, once, and in the order it was sent.
 */
import { Admin } from '@millrace/admin';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { expect, test } from 'vitest';
import { startNode, temporaryDirectory } from './node-process.js';

const cycles = Number(process.env['MILLRACE_KILL_CYCLES'] ?? 15);
const partitions = 3;
/** Records on their way at any time: enough that each kill interrupts some. */
const recordsInFlight = 500;
const loadMs = { from: 100, to: 500 };

interface Acknowledged {
  readonly value: string;
  readonly partition: number;
  readonly offset: number;
}

test(`nothing acknowledged is lost, repeated or reordered over ${cycles} cycles of kill -9 under load`, async () => {
  using directory = temporaryDirectory();
  const dataArgs = [
    '--data',
    directory.path,
    '--http',
    '127.0.0.1:0',
    '--internal',
    '127.0.0.1:0',
    '--log-level',
    'warn',
  ];
  let node = await startNode([...dataArgs, '--client', '127.0.0.1:0']);
  const { client: bootstrap } = node.ready;
  const args = [...dataArgs, '--client', bootstrap];

  await using admin = new Admin({ bootstrap });
  await admin.createTopic({ name: 'ledger', partitions, configs: { 'segment.bytes': '1048576' } });

  const acknowledged: Acknowledged[] = [];
  const producer = new Producer({ bootstrap, deliveryTimeoutMs: 60_000, retryBackoffMs: 20, retryBackoffMaxMs: 200 });
  const load = new Load(producer, acknowledged);
  const loading = load.run();
  for (let cycle = 0; cycle < cycles; cycle += 1) {
    const before = acknowledged.length;
    await waitUntil(() => acknowledged.length > before);
    await pause(loadMs.from + Math.random() * (loadMs.to - loadMs.from));
    expect(await node.end('SIGKILL')).toBeNull();
    node = await startNode(args);
  }
  load.stop();
  await loading;
  await producer.close();

  expect(acknowledged.length).toBe(load.sent);
  const stored = await readAll(bootstrap);
  verify(acknowledged, stored, load.sent);
  expect(await node.end('SIGTERM')).toBe(0);
  process.stdout.write(`kill -9: ${cycles} cycles, ${acknowledged.length} records acknowledged, all there once\n`);
});

class Load {
  readonly #producer: Producer;
  readonly #acknowledged: Acknowledged[];
  #stopped = false;
  sent = 0;

  constructor(producer: Producer, acknowledged: Acknowledged[]) {
    this.#producer = producer;
    this.#acknowledged = acknowledged;
  }

  async run(): Promise<void> {
    for (; !this.#stopped; await pause(1)) while (this.sent - this.#acknowledged.length < recordsInFlight) this.#send();
    await this.#producer.flush();
  }

  stop(): void {
    this.#stopped = true;
  }

  #send(): void {
    const value = String(this.sent);
    const record = { topic: 'ledger', partition: this.sent % partitions, value };
    const accepted = this.#producer.enqueue(record, (error, partition, offset) => {
      if (error !== undefined) throw error;
      this.#acknowledged.push({ value, partition, offset });
    });
    if (accepted) this.sent += 1;
  }
}

async function readAll(bootstrap: string): Promise<string[][]> {
  const values: string[][] = Array.from({ length: partitions }, () => []);
  await using consumer = new Consumer({ bootstrap, topics: ['ledger'], from: 'beginning' });
  await consumer.ready();
  const ends = await consumer.endOffsets();
  let missing = ends.reduce((sum, { offset }) => sum + offset, 0);
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

function verify(acknowledged: readonly Acknowledged[], stored: readonly (readonly string[])[], sent: number): void {
  for (const { value, partition, offset } of acknowledged) expect(stored[partition]?.[offset]).toBe(value);
  // Each value once: with all of them acknowledged, a repeated one would make the count larger.
  expect(stored.reduce((sum, values) => sum + values.length, 0)).toBe(sent);
  for (const values of stored) {
    const numbers = values.map(Number);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function waitUntil(condition: () => boolean): Promise<void> {
  for (const giveUpMs = performance.now() + 60_000; !condition(); await pause(5))
    if (performance.now() > giveUpMs) throw new Error('nothing was acknowledged for 60 s');
}
