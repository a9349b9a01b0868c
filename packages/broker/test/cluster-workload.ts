import { type Environment, errorCode, sleep } from '@millrace/base';
import type { ClusterFixture } from './cluster-fixture.js';
import { send } from './cluster-fixture.js';
import { fetchFrom } from './node-fixture.js';
import { RawClient } from './raw-client.js';

export interface Acknowledged {
  readonly value: string;
  readonly offset: number;
}

/** Sends unique values with acks all to whoever leads, never the same one twice, and notes what was acknowledged. */
export class Writer {
  readonly acknowledged: Acknowledged[] = [];
  readonly errors = new Map<string, number>();
  readonly #cluster: ClusterFixture;
  readonly #environment: Environment;
  readonly #topicId: string;
  readonly #name: string;
  readonly #clients = new Map<number, RawClient>();
  readonly #done: Promise<void>;
  #isRunning = true;
  #next = 0;

  constructor(cluster: ClusterFixture, topicId: string, name = 'writer') {
    this.#cluster = cluster;
    this.#environment = cluster.simulation.environment(name);
    this.#topicId = topicId;
    this.#name = name;
    this.#done = this.#run();
  }

  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#cluster.complete(this.#done);
    for (const client of this.#clients.values()) client.close();
  }

  async #run(): Promise<void> {
    const { clock } = this.#environment;
    while (this.#isRunning) {
      const value = `${this.#name}-${this.#next++}`;
      const { leader } = this.#cluster.partition(this.#topicId);
      const outcome = await this.#attempt(leader, value);
      this.errors.set(outcome, (this.errors.get(outcome) ?? 0) + 1);
      await sleep(clock, outcome === 'NONE' ? 4 : 30);
    }
  }

  async #attempt(leader: number, value: string): Promise<string> {
    if (leader === -1) return 'no leader';
    try {
      const client = await this.#inTime(this.#clientOf(leader));
      const sent = await this.#inTime(send(client, this.#topicId, value, { timeoutMs: 400 }));
      if (sent.error === 'NONE') this.acknowledged.push({ value, offset: sent.offset });
      return sent.error;
    } catch (error) {
      this.#clients.get(leader)?.close();
      this.#clients.delete(leader);
      return errorCode(error);
    }
  }

  async #clientOf(id: number): Promise<RawClient> {
    let client = this.#clients.get(id);
    if (client === undefined) {
      client = await RawClient.open(this.#environment, { host: this.#cluster.node(id).name, port: 7400 });
      this.#clients.set(id, client);
    }
    return client;
  }

  async #inTime<Value>(promise: Promise<Value>): Promise<Value> {
    promise.catch(() => undefined);
    const late = sleep(this.#environment.clock, 600).then(() => {
      throw new Error('no answer');
    });
    late.catch(() => undefined);
    return Promise.race([promise, late]);
  }
}

/** C1, C2 and C4: every acknowledged value is where it was acknowledged, and nothing is there twice. */
export async function lostOrMoved(
  cluster: ClusterFixture,
  topicId: string,
  acknowledged: readonly Acknowledged[],
): Promise<string[]> {
  const client = await cluster.leaderClient(topicId, 'reader');
  const found = new Map<number, string>();
  const end = cluster.leader(topicId)?.highWatermark ?? 0;
  for (let offset = 0; offset < end;) {
    const { values, partitions } = await cluster.complete(fetchFrom(client, [{ topicId, offset }]));
    const batch = values[0] ?? [];
    if (batch.length === 0) throw new Error(`nothing at ${offset}, error ${partitions[0]?.error ?? -1}`);
    for (const value of batch) found.set(offset++, value);
  }
  client.close();
  const problems = acknowledged
    .filter(({ value, offset }) => found.get(offset) !== value)
    .map(
      ({ value, offset }) => `C1: ${value} was acknowledged at ${offset}, where ${found.get(offset) ?? 'nothing'} is`,
    );
  if (new Set(found.values()).size !== found.size) problems.push('C4: a value is there twice');
  return problems;
}
