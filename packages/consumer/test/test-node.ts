/** A node for a test file, with topics, records and consumers of its own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { Producer, type ProducerRecord } from '@millrace/producer';
import { startServer, type MillraceServer } from '@millrace/server';
import { afterAll, beforeAll } from 'vitest';
import { Consumer, type ConsumerOptions, type ConsumerRecord } from '../src/index.js';

export class TestNode {
  readonly #settings: Readonly<Record<string, number>>;
  #server: MillraceServer | undefined;
  #admin: Admin | undefined;
  #producer: Producer | undefined;
  #directory = '';
  #topics = 0;

  constructor(settings: Readonly<Record<string, number>>) {
    this.#settings = settings;
  }

  get bootstrap(): string {
    return this.#server?.bootstrap ?? '';
  }

  get admin(): Admin {
    return this.#admin as Admin;
  }

  get producer(): Producer {
    return this.#producer as Producer;
  }

  async start(): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'millrace-consumer-'));
    this.#server = await startServer({ dataDir: this.#directory, client: '127.0.0.1:0', settings: this.#settings });
    this.#admin = new Admin({ bootstrap: this.bootstrap });
    this.#producer = new Producer({ bootstrap: this.bootstrap });
  }

  async stop(): Promise<void> {
    await this.#producer?.close();
    await this.#admin?.close();
    await this.#server?.close();
    rmSync(this.#directory, { recursive: true });
  }

  /** A topic with `count` records `v0`, `v1`, ... in each partition, with timestamps 1000, 1001, ... */
  async topicWith(count: number, partitions = 1): Promise<string> {
    const topic = `topic-${this.#topics++}`;
    // The records are as old as time itself: retention would soon delete them.
    await this.admin.createTopic({ name: topic, partitions, configs: { 'retention.ms': '-1' } });
    for (let partition = 0; partition < partitions; partition++) await this.add(topic, count, { partition });
    return topic;
  }

  /** Records `v<from>`, ... and, with `keys`, as many keys `k0`, `k1`, ... in turn. */
  async add(
    topic: string,
    count: number,
    { partition = 0, from = 0, keys = 0 }: { partition?: number; from?: number; keys?: number } = {},
  ): Promise<void> {
    if (count === 0) return;
    const records = Array.from({ length: count }, (_, index): Omit<ProducerRecord, 'topic'> => {
      const number = from + index;
      const key = keys === 0 ? null : `k${number % keys}`;
      return { partition, key, value: `v${number}`, timestampMs: 1000 + number };
    });
    await this.producer.sendBatch({ topic, records });
  }

  consumer(options: Partial<ConsumerOptions>): Consumer {
    return new Consumer({ bootstrap: this.bootstrap, ...options });
  }

  /** Of the group that belongs to the topic. */
  member(topic: string, options: Partial<ConsumerOptions> = {}): Consumer {
    const own = { group: `group-${topic}`, topics: [topic], from: 'beginning' as const, autoCommitIntervalMs: 20 };
    return this.consumer({ ...own, ...options });
  }
}

/** Started before the tests of the file, stopped after them. */
export function testNode(settings: Readonly<Record<string, number>> = {}): TestNode {
  const node = new TestNode(settings);
  beforeAll(() => node.start());
  afterAll(() => node.stop());
  return node;
}

/** Fails a wait that should have been over long before. */
export function soon(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(15_000) };
}

export async function take(consumer: Consumer, count: number): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [];
  if (count === 0) return records;
  for await (const record of consumer.records(soon())) {
    records.push(record);
    if (records.length === count) break;
  }
  return records;
}

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const { signal } = soon();
  while (!(await condition())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function committedOf(consumer: Consumer, topic: string, partition = 0): Promise<number | undefined> {
  return (await consumer.committed([{ topic, partition }]))[0]?.offset;
}

export const offsetsOf = (records: readonly ConsumerRecord[]): number[] => records.map(({ offset }) => offset);
