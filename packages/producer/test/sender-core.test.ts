import { MillraceError } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PartitionWindow, type BatchSource } from '../src/partition-window.js';
import { ProducerBatch } from '../src/producer-batch.js';
import { SenderCore, type EntryAnswer, type SendRequest } from '../src/sender-core.js';
import { ModelPartition, poison, produceAt, refused, type ModelRandom, type SentRequest } from './model-cluster.js';

const deliveryTimeoutMs = 1000;

class ListSource implements BatchSource {
  readonly list: ProducerBatch[] = [];
  peek(): ProducerBatch | undefined {
    return this.list[0];
  }
  oldest(): ProducerBatch | undefined {
    return this.list[0];
  }
  take(): ProducerBatch {
    return this.list.shift() as ProducerBatch;
  }
  readyAtMs(): number {
    return this.list.length === 0 ? Infinity : 0;
  }
}

/** A core with its partitions, and the values of each batch, which a core does not care about. */
class Bench {
  nowMs = 0;
  readonly values = new Map<ProducerBatch, number[]>();
  readonly outcomes = new Map<ProducerBatch, { error: MillraceError | undefined; baseOffset: number }>();
  readonly sources: ListSource[] = [];
  readonly windows: PartitionWindow[] = [];
  readonly core: SenderCore;

  constructor(partitions: number, idempotent = true, maxInFlightRequests = 5) {
    this.core = new SenderCore({
      idempotent,
      transactional: false,
      maxInFlightRequests,
      maxRequestBytes: 1000,
      deliveryTimeoutMs,
      backoffMs: (failures) => Math.min(10 * failures, 50),
      split: (batch) => this.#split(batch),
    });
    for (let partition = 0; partition < partitions; partition++) {
      const source = new ListSource();
      this.sources.push(source);
      this.windows.push(
        new PartitionWindow('t', partition, source, {
          idempotent,
          transactional: false,
          maxInFlight: maxInFlightRequests,
        }),
      );
    }
  }

  add(partition: number, values: number[]): ProducerBatch {
    const batch = this.#batch(partition, values, this.nowMs);
    this.sources[partition]!.list.push(batch);
    this.core.activate(this.windows[partition]!);
    return batch;
  }

  poll(leaders: readonly number[] = [0, 0, 0, 0]): readonly SendRequest[] {
    const { requests } = this.core.poll(this.nowMs, (_, partition) => leaders[partition] ?? -1);
    this.collect();
    return requests;
  }

  answer(request: SendRequest, ...answers: EntryAnswer[]): void {
    this.core.answered(request, answers, this.nowMs);
    this.collect();
  }

  collect(): void {
    for (const { batch, error, baseOffset } of this.core.takeResolved()) {
      expect(this.outcomes.has(batch), 'a batch has one outcome').toBe(false);
      this.outcomes.set(batch, { error, baseOffset });
    }
  }

  outcome(batch: ProducerBatch): string {
    const outcome = this.outcomes.get(batch);
    return outcome === undefined ? 'none' : (outcome.error?.code ?? `at ${outcome.baseOffset}`);
  }

  #batch(partition: number, values: number[], createdMs: number): ProducerBatch {
    const batch = new ProducerBatch({
      topic: 't',
      partition,
      createdMs,
      deadlineMs: createdMs + deliveryTimeoutMs,
      generation: { unresolved: 0, waiters: [] },
      writer: undefined,
      isPooled: false,
    });
    batch.recordCount = values.length;
    batch.sizeBytes = 100 + values.length;
    this.values.set(batch, values);
    return batch;
  }

  #split(batch: ProducerBatch): readonly [ProducerBatch, ProducerBatch] | undefined {
    const values = this.values.get(batch) as number[];
    if (values.length === 1) return undefined;
    const half = values.length >> 1;
    return [
      this.#batch(batch.partition, values.slice(0, half), batch.createdMs),
      this.#batch(batch.partition, values.slice(half), batch.createdMs),
    ];
  }
}

const written = (baseOffset: number): EntryAnswer => ({ error: undefined, baseOffset });
const identity = { producerId: 7, producerEpoch: 0 };
const numbersOf = (request: SendRequest | undefined): number[][] =>
  (request?.entries ?? []).map(({ batch }) => [batch.producerEpoch, batch.baseSequence]);

describe('sender core', () => {
  test('asks for an identity before it sends anything, and not at all without idempotence', () => {
    const bench = new Bench(1);
    bench.add(0, [1]);
    expect(bench.core.poll(0, () => 0)).toMatchObject({ requests: [], identityWanted: true });
    bench.core.identify(identity);
    expect(bench.poll()).toHaveLength(1);

    const plain = new Bench(1, false);
    plain.add(0, [1]);
    expect(plain.core.poll(0, () => 0)).toMatchObject({ requests: [{ node: 0 }], identityWanted: false });
  });

  test('keeps five batches of a partition in flight, each under the numbers that follow the last', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    for (let i = 0; i < 7; i++) bench.add(0, [1, 2, 3]);
    const requests = bench.poll();
    expect(requests.map(numbersOf)).toEqual([[[0, 0]], [[0, 3]], [[0, 6]], [[0, 9]], [[0, 12]]]);
    bench.answer(requests[0]!, written(0));
    expect(bench.poll().map(numbersOf)).toEqual([[[0, 15]]]);
  });

  test('keeps one batch of a partition in flight without idempotence, so that a retry cannot reorder', () => {
    const bench = new Bench(2, false);
    for (let i = 0; i < 3; i++) for (const partition of [0, 1]) bench.add(partition, [i]);
    const requests = bench.poll();
    expect(requests.map(({ entries }) => entries.length)).toEqual([2]);
    bench.answer(requests[0]!, refused('NOT_ENOUGH_REPLICAS', true), written(0));
    expect(bench.poll().flatMap(({ entries }) => entries.map(({ batch }) => batch.partition))).toEqual([1]);
  });

  test('puts batches of many partitions into few requests, within the request size', () => {
    const bench = new Bench(4);
    bench.core.identify(identity);
    for (let partition = 0; partition < 4; partition++) bench.add(partition, new Array<number>(300).fill(1));
    // Each batch is 400 bytes and a request holds 1000.
    expect(bench.poll().map(({ entries }) => entries.length)).toEqual([2, 2]);
  });

  test('serves a partition whose leader is unknown as soon as it is known', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    bench.add(0, [1]);
    const poll = bench.core.poll(0, () => -1);
    expect(poll).toMatchObject({ requests: [], wakeAtMs: deliveryTimeoutMs });
    expect([...poll.leaderless]).toEqual(['t']);
    expect(bench.poll()).toHaveLength(1);
  });

  test('waits for requests to a former leader before it sends to the new one', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    bench.add(0, [1]);
    const [toOld] = bench.poll([0]);
    bench.add(0, [2]);
    expect(bench.poll([1])).toEqual([]);
    bench.answer(toOld!, written(0));
    expect(bench.poll([1])).toMatchObject([{ node: 1 }]);
  });

  test('sends a batch again under the same numbers, and after a wait, when nobody knows its fate', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const batch = bench.add(0, [1]);
    const [first] = bench.poll();
    bench.core.failed(first!, new MillraceError('NETWORK_EXCEPTION', 'cut', { retriable: true }), 0);
    expect(bench.poll()).toEqual([]);
    bench.nowMs = 10;
    const [second] = bench.poll();
    expect(numbersOf(second)).toEqual([[0, 0]]);
    bench.answer(second!, { error: new MillraceError('DUPLICATE_SEQUENCE_NUMBER', 'seen'), baseOffset: 5 });
    expect(bench.outcome(batch)).toBe('at 5');
    expect(bench.core.takeStaleTopics()).toEqual(new Set(['t']));
  });

  test('renumbers what follows a refused batch under the next epoch', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const [bad, good, next] = [bench.add(0, [1, 2]), bench.add(0, [3]), bench.add(0, [4])];
    const requests = bench.poll();
    bench.answer(requests[0]!, refused('INVALID_RECORD', false));
    bench.answer(requests[1]!, refused('OUT_OF_ORDER_SEQUENCE_NUMBER', false));
    expect(bench.poll(), 'one is still in flight').toEqual([]);
    bench.answer(requests[2]!, refused('OUT_OF_ORDER_SEQUENCE_NUMBER', false));
    const again = bench.poll();
    expect(again.map(numbersOf)).toEqual([[[1, 0]], [[1, 1]]]);
    bench.answer(again[0]!, written(0));
    bench.answer(again[1]!, written(1));
    expect([bad, good, next].map((batch) => bench.outcome(batch))).toEqual(['INVALID_RECORD', 'at 0', 'at 1']);
    expect(bench.core.epochBumps).toBe(1);
  });

  test('fails with the refusal when it was refused until its time was up', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const batch = bench.add(0, [1]);
    bench.answer(bench.poll()[0]!, refused('LOG_DISK_FULL', true));
    bench.nowMs = deliveryTimeoutMs;
    bench.poll();
    expect(bench.outcome(batch)).toBe('LOG_DISK_FULL');
  });

  test('never renumbers a batch that may be in the log: it fails when the broker cannot tell', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const [lost, maybe] = [bench.add(0, [1]), bench.add(0, [2])];
    const requests = bench.poll();
    for (const request of requests) {
      bench.core.failed(request, new MillraceError('NETWORK_EXCEPTION', 'cut', { retriable: true }), 0);
    }
    // The deadline of the first passes; the second, made later, is tried once more under its old number.
    Object.assign(maybe, { deadlineMs: 5000 });
    bench.nowMs = deliveryTimeoutMs;
    const [alone] = bench.poll();
    expect(bench.outcome(lost)).toBe('REQUEST_TIMED_OUT');
    expect(numbersOf(alone)).toEqual([[0, 1]]);
    bench.answer(alone!, refused('OUT_OF_ORDER_SEQUENCE_NUMBER', false));
    expect(bench.outcome(maybe)).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    bench.add(0, [3]);
    expect(bench.poll().map(numbersOf)).toEqual([[[1, 0]]]);
  });

  test('numbers everything anew for a topic that was created again, also what may have been in the old one', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const batches = [bench.add(0, [1, 2]), bench.add(0, [3])];
    const requests = bench.poll();
    bench.core.failed(requests[0]!, new MillraceError('NETWORK_EXCEPTION', 'cut', { retriable: true }), 0);
    bench.windows[0]!.startOver();
    bench.nowMs = 100;
    expect(bench.poll(), 'one is still in flight').toEqual([]);
    bench.answer(requests[1]!, refused('UNKNOWN_TOPIC_ID', true));
    bench.nowMs = 200;
    expect(bench.poll().map(numbersOf)).toEqual([[[1, 0]], [[1, 2]]]);
    expect(batches.map((batch) => batch.wasUnanswered)).toEqual([true, false]);
  });

  test('takes a new producer id when the broker does not know its own any more', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const batch = bench.add(0, [1]);
    const [request] = bench.poll();
    bench.answer(request!, refused('UNKNOWN_PRODUCER_ID', false));
    expect(bench.core.poll(0, () => 0)).toMatchObject({ requests: [], identityWanted: true });
    bench.core.identify({ producerId: 8, producerEpoch: 0 });
    const [again] = bench.poll();
    expect([again!.entries[0]!.batch.producerId, batch.baseSequence]).toEqual([8, 0]);
  });

  test('takes a new producer id when the epochs of its own are used up', () => {
    const bench = new Bench(1);
    bench.core.identify({ producerId: 7, producerEpoch: 32_767 });
    bench.add(0, [poison]);
    bench.answer(bench.poll()[0]!, refused('INVALID_RECORD', false));
    bench.add(0, [1]);
    expect(bench.core.poll(0, () => 0)).toMatchObject({ requests: [], identityWanted: true });
    bench.core.identify({ producerId: 8, producerEpoch: 0 });
    expect(numbersOf(bench.poll()[0])).toEqual([[0, 0]]);
  });

  test('counts sequences through 2^31-1 to 0', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const huge = bench.add(0, [1]);
    huge.recordCount = 2 ** 31 - 2;
    bench.answer(bench.poll()[0]!, written(0));
    bench.add(0, [1, 2, 3]);
    bench.add(0, [4]);
    expect(bench.poll().map(numbersOf)).toEqual([[[0, 2 ** 31 - 2]], [[0, 1]]]);
  });

  test('splits a batch that is too large until its records fit or one alone is refused', () => {
    const bench = new Bench(1);
    const partition = new ModelPartition();
    partition.maxRecords = 1;
    bench.core.identify(identity);
    bench.add(0, [1, 2, 3]);
    for (let round = 0; round < 10; round++) {
      for (const request of bench.poll()) {
        bench.answer(
          request,
          ...request.entries.map((entry) => produceAt(0, sentEntry(bench, entry, partition), undefined)),
        );
      }
    }
    expect(partition.log).toEqual([1, 2, 3]);
    expect(bench.core.splits).toBe(2);
  });

  test('fails everything that is left when the producer closes', () => {
    const bench = new Bench(1);
    bench.core.identify(identity);
    const batches = [1, 2, 3, 4, 5, 6, 7].map((value) => bench.add(0, [value]));
    const requests = bench.poll();
    bench.core.abandon(new MillraceError('PRODUCER_CLOSED', 'closed'));
    bench.collect();
    expect(batches.map((batch) => bench.outcome(batch))).toEqual(batches.map(() => 'PRODUCER_CLOSED'));
    for (const request of requests) bench.answer(request, written(0));
    expect(bench.core.requestsInFlight).toBe(0);
  });
});

function sentEntry(
  bench: Bench,
  { batch }: SendRequest['entries'][number],
  partition: ModelPartition,
): SentRequest['entries'][number] {
  const { producerId, producerEpoch, baseSequence } = batch;
  return { partition, values: bench.values.get(batch) as number[], producerId, producerEpoch, baseSequence };
}

/** xorshift: one seed, one run. */
function modelRandom(seed: number): ModelRandom {
  let state = (seed | 0) === 0 ? 1 : seed | 0;
  const below = (n: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % n;
  };
  return { below, oneIn: (n) => below(n) === 0 };
}

interface Connection {
  readonly node: number;
  /** Sent and not yet handled by the node. After a cut: what had already arrived there. */
  arriving: SentRequest[];
  /** Handled, the answer is on its way back; delivered in any order. */
  answered: SentRequest[];
  isOpen: boolean;
}

/** Runs a sender core against three partitions on three nodes, with faults, then without, until all is resolved. */
function simulate(seed: number, idempotent: boolean): { bench: Bench; partitions: ModelPartition[]; sent: number[][] } {
  const random = modelRandom(seed);
  const bench = new Bench(3, idempotent, 1 + random.below(5));
  const partitions = [0, 1, 2].map(() => new ModelPartition());
  const believed = [0, 0, 0];
  const connections: Connection[] = [];
  const sent: number[][] = [[], [], []];
  let value = 0;
  let producerIds = 0;

  const connectionTo = (node: number): Connection => {
    let connection = connections.find((candidate) => candidate.isOpen && candidate.node === node);
    if (connection === undefined) {
      connection = { node, arriving: [], answered: [], isOpen: true };
      connections.push(connection);
    }
    return connection;
  };
  const forget = (sentRequest: SentRequest, code: string): void => {
    if (sentRequest.forgotten) return;
    sentRequest.forgotten = true;
    bench.core.failed(sentRequest.request, new MillraceError(code, 'model', { retriable: true }), bench.nowMs);
  };
  const cut = (connection: Connection): void => {
    connection.isOpen = false;
    const lost = [...connection.arriving, ...connection.answered];
    connection.arriving.splice(random.below(connection.arriving.length + 1));
    connection.answered = [];
    for (const request of lost) forget(request, 'NETWORK_EXCEPTION');
  };

  for (let step = 0; step < 4000; step++) {
    const faulty = step < 400;
    bench.nowMs += random.below(faulty ? 6 : 20);
    if (faulty && random.oneIn(3)) {
      const partition = random.below(3);
      const values = Array.from({ length: 1 + random.below(4) }, () => (random.oneIn(40) ? poison : value++));
      sent[partition]!.push(...values);
      bench.add(partition, values);
    }
    if (faulty && random.oneIn(40)) partitions[random.below(3)]!.leader = random.below(3);
    if (random.oneIn(faulty ? 60 : 5))
      for (const p of partitions) p.maxRecords = faulty ? 1 + random.below(4) : Infinity;
    if (random.oneIn(4) && bench.core.takeStaleTopics().size > 0) {
      for (const [index, partition] of partitions.entries()) believed[index] = partition.leader;
    }
    if (!faulty) for (const [index, partition] of partitions.entries()) believed[index] = partition.leader;

    const poll = bench.core.poll(bench.nowMs, (_, partition) => believed[partition] as number);
    if (poll.identityWanted) bench.core.identify({ producerId: producerIds++, producerEpoch: 32_760 });
    for (const request of poll.requests) {
      connectionTo(request.node).arriving.push({
        request,
        entries: request.entries.map((entry) => sentEntry(bench, entry, partitions[entry.batch.partition]!)),
        answers: undefined,
        forgotten: false,
      });
    }

    for (const connection of [...connections]) {
      if (faulty && connection.isOpen && random.oneIn(60)) cut(connection);
      while (connection.arriving.length > 0 && random.below(faulty ? 4 : 2) > 0) {
        const handled = connection.arriving.shift() as SentRequest;
        const faults = faulty ? random : undefined;
        handled.answers = handled.entries.map((entry) => produceAt(connection.node, entry, faults));
        if (connection.isOpen && !handled.forgotten) connection.answered.push(handled);
      }
      for (const request of [...connection.arriving, ...connection.answered]) {
        if (faulty && random.oneIn(80)) forget(request, 'REQUEST_TIMED_OUT');
      }
      connection.answered = connection.answered.filter((request) => !request.forgotten);
      while (connection.answered.length > 0 && random.oneIn(2)) {
        const [back] = connection.answered.splice(random.below(connection.answered.length), 1);
        bench.core.answered(back!.request, back!.answers as EntryAnswer[], bench.nowMs);
      }
    }
    bench.collect();
  }
  return { bench, partitions, sent };
}

describe('sender core against a cluster that loses, delays, cuts and moves leaders', () => {
  for (const idempotent of [true, false]) {
    const name = idempotent
      ? 'no value is lost, doubled or out of order, and everything is resolved'
      : 'without idempotence acknowledged values are kept and everything is resolved';
    test(name, () => {
      let acknowledged = 0;
      let failed = 0;
      fc.assert(
        fc.property(fc.integer(), (seed) => {
          const { bench, partitions, sent } = simulate(seed, idempotent);
          expect(bench.core.requestsInFlight).toBe(0);
          expect(bench.windows.every((window) => window.isIdle)).toBe(true);
          const resolvedCount = [0, 0, 0];
          for (const [batch, { error, baseOffset }] of bench.outcomes) {
            const values = bench.values.get(batch) as number[];
            const { log } = partitions[batch.partition]!;
            resolvedCount[batch.partition]! += values.length;
            if (error === undefined) {
              expect(log.slice(baseOffset, baseOffset + values.length)).toEqual(values);
              acknowledged += values.length;
            } else {
              failed += values.length;
              if (error.code === 'INVALID_RECORD') for (const value of values) expect(log).not.toContain(value);
            }
          }
          expect(resolvedCount, 'every record has its outcome').toEqual(sent.map((values) => values.length));
          if (!idempotent) return;
          for (const { log } of partitions) {
            const ordered = [...new Set(log)].sort((a, b) => a - b);
            expect(log, 'in send order, each once').toEqual(ordered);
          }
        }),
        { numRuns: 150 },
      );
      expect(acknowledged).toBeGreaterThan(failed);
    });
  }
});
