/**
 * Reads what was committed while it is written, and again at the end, and judges it.
 *
 *     ledger   each transfer with both its legs or with none; the sum is 0; none that was given up
 *     output   each record of the input once
 */
import { Consumer, type TopicPartition } from '@millrace/consumer';
import { until } from '../pause.js';
import type { Told } from './worker-process.js';

export interface Seen {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

/** Follows one topic from its beginning, as readers of committed records see it. */
export class Reader {
  readonly records: Seen[] = [];
  readonly #consumer: Consumer;
  readonly #reading: Promise<void>;

  constructor(bootstrap: string, topic: string) {
    this.#consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning', isolation: 'read-committed' });
    this.#reading = this.#read();
    // Whoever waits for the records hears of it, in `ready` or `close`.
    this.#reading.catch(() => undefined);
  }

  /** Resolves when it has found its place. */
  async ready(): Promise<void> {
    await Promise.race([this.#consumer.ready(), this.#reading]);
  }

  /** Resolves when it has come to these ends. */
  async reach(ends: readonly (TopicPartition & { readonly offset: number })[]): Promise<void> {
    await this.ready();
    await until(() => ends.every((end) => (this.#consumer.position(end) ?? -1) >= end.offset), {
      evidence: () => JSON.stringify(ends.map((end) => [end, this.#consumer.position(end)])),
    });
  }

  async close(): Promise<void> {
    await this.#consumer.close();
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const { partition, offset, value } of this.#consumer) {
      this.records.push({ partition, offset, value: String(value) });
    }
  }
}

/** Where the partitions of a topic end, decided or not. Resolves when all is decided: no transaction hangs. */
export async function decidedEnds(
  bootstrap: string,
  topic: string,
): Promise<(TopicPartition & { readonly offset: number })[]> {
  const open = (isolation: 'read-committed' | 'read-uncommitted'): Consumer =>
    new Consumer({ bootstrap, topics: [topic], from: 'beginning', isolation });
  await using all = open('read-uncommitted');
  await using stable = open('read-committed');
  await Promise.all([all.ready(), stable.ready()]);
  const partitions = all.assignment();
  const ends = await all.endOffsets(partitions);
  let seen = '';
  await until(
    async () => {
      const stableEnds = await stable.endOffsets(partitions);
      seen = JSON.stringify({ ends, stableEnds });
      return stableEnds.every(({ offset }, index) => offset >= (ends[index]?.offset ?? 0));
    },
    { giveUpMs: 30_000, evidence: () => `transactions hang: ${seen}` },
  );
  return ends;
}

export interface LedgerFindings {
  readonly transfers: number;
  readonly sum: number;
  readonly problems: readonly string[];
}

export function judgeLedger(records: readonly Seen[], told: readonly Told[]): LedgerFindings {
  const problems: string[] = [];
  const legs = new Map<string, number[]>();
  let sum = 0;
  for (const { partition, offset, value } of records) {
    const { id, amount, isDoomed } = JSON.parse(value) as { id: string; amount: number; isDoomed: boolean };
    if (isDoomed) problems.push(`${id} at ${partition}:${offset} was given up and is read`);
    legs.set(id, [...(legs.get(id) ?? []), amount]);
    sum += amount;
  }
  for (const [id, amounts] of legs) {
    const isWhole = amounts.length === 2 && amounts.reduce((a, b) => a + b) === 0;
    if (!isWhole) problems.push(`${id} has legs ${JSON.stringify(amounts)}`);
  }
  for (const { committed, aborted, failed } of told) {
    if (committed !== undefined && !legs.has(committed)) problems.push(`${committed} was committed and is not read`);
    const given = aborted ?? failed;
    if (given !== undefined && legs.has(given)) problems.push(`${given} was aborted and is read`);
  }
  return { transfers: legs.size, sum, problems };
}

/** `sent`: the acknowledged records of the input, as `partition:offset`. */
export function judgeCopy(records: readonly Seen[], sent: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  const copied = new Set<string>();
  for (const { value, partition, offset } of records) {
    if (copied.has(value)) problems.push(`${value} is there twice, at ${partition}:${offset}`);
    if (!sent.has(value)) problems.push(`${value} comes from nowhere`);
    copied.add(value);
  }
  for (const one of sent) if (!copied.has(one)) problems.push(`${one} is missing`);
  return problems;
}

/** What was once read as committed stays, at its offset: a later reader sees the same. */
export function differences(before: readonly Seen[], after: readonly Seen[]): readonly string[] {
  const now = new Map(after.map(({ partition, offset, value }) => [`${partition}:${offset}`, value]));
  const problems = before
    .filter(({ partition, offset, value }) => now.get(`${partition}:${offset}`) !== value)
    .map(({ partition, offset, value }) => `${value} was read at ${partition}:${offset}, and is not there any more`);
  if (before.length !== after.length) problems.push(`${before.length} were read along, ${after.length} at the end`);
  return problems;
}
