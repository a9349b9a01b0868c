import { completion, type Completion, MillraceError, parseSettings } from '@millrace/base';
import { topicSettings } from '@millrace/controller/image';
import type { ReplicaFetchRequest, ReplicaFetchResponse } from '@millrace/protocol';
import { patchBatch } from '@millrace/record';
import { defaultLogConfig, LogDirectory } from '@millrace/storage';
import { recordingMetrics, Simulation } from '@millrace/testkit';
import { describe, expect, test } from 'vitest';
import { EndOfTurn } from '../../src/partition/end-of-turn.js';
import type { PartitionHost } from '../../src/partition/partition-host.js';
import { Partition } from '../../src/partition/partition.js';
import { SyncSchedule } from '../../src/partition/sync-schedule.js';
import { CatchUpThrottle } from '../../src/replication/catch-up-throttle.js';
import { LeaderFetcher } from '../../src/replication/leader-fetcher.js';
import { ReplicationMetrics } from '../../src/replication/replication-metrics.js';
import { batchOf } from '../node-fixture.js';

type Reply = { body: ReplicaFetchResponse; payload: Uint8Array; release: () => void };
type ReplyEntry = ReplicaFetchResponse['partitions'][number];

/** A follower of node 1 whose leader is the test: requests are collected, the test answers them. */
async function fixture(partitions = 1, config = defaultLogConfig) {
  const simulation = new Simulation({ seed: 1 });
  const environment = simulation.environment('node-2');
  const { clock, logger, random } = environment;
  const directory = await simulation.complete(
    LogDirectory.open(environment, { path: 'data', nodeId: 2, lowSpaceBytes: 0 }),
  );
  const requests: { request: ReplicaFetchRequest; reply: Completion<Reply> }[] = [];
  const recorded = recordingMetrics();
  const turns = new EndOfTurn(clock);
  let now: (partition: Partition) => void = () => undefined;
  const host: PartitionHost = {
    nodeId: 2,
    clock,
    logger,
    syncs: new SyncSchedule(clock),
    wakes: turns,
    inSyncChanges: { eligibleEpoch: () => undefined, mayPropose: () => false, submit: () => undefined },
    replicaLagMaxMs: 30_000,
    onReplicaMoved: (partition) => now(partition),
    onInSyncSetChanged: () => undefined,
  };
  const fetcher = new LeaderFetcher({
    nodeId: 2,
    leader: 1,
    source: {
      fetch: (request) => {
        const reply = completion<Reply>();
        requests.push({ request, reply });
        return reply.promise;
      },
    },
    clock,
    logger,
    random: random.stream('fetcher'),
    metrics: new ReplicationMetrics(recorded),
    turns,
    throttle: new CatchUpThrottle(),
    brokerEpoch: () => 7,
    settings: { replicaFetchWaitMs: 500, replicaFetchMaxBytes: 1_000_000, replicaFetchPartitionMaxBytes: 100_000 },
  });
  now = (partition) => fetcher.moved(partition);
  const followed: Partition[] = [];
  for (let index = 0; index < partitions; index++) {
    const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';
    const log = await simulation.complete(directory.createLog({ topic: 'orders', partition: index, topicId, config }));
    const durability = parseSettings(topicSettings, {}).durability;
    const partition = new Partition({
      host,
      topicId,
      topicName: 'orders',
      index,
      log,
      policy: { durability },
      highWatermark: 0,
    });
    await simulation.complete(partition.update(assignment(3), { durability }));
    fetcher.add(partition);
    followed.push(partition);
  }
  const until = (condition: () => boolean): Promise<void> => simulation.runUntil(condition, 20_000);
  await until(() => requests.length > 0);
  return {
    simulation,
    fetcher,
    requests,
    recorded,
    partitions: followed,
    partition: followed[0]!,
    until,
    logger: simulation.logger('node-2'),
  };
}

const assignment = (leaderEpoch: number, leader = 1) => ({
  leader,
  leaderEpoch,
  partitionEpoch: leaderEpoch,
  replicas: [1, 2],
  isr: [1, 2],
  minInsyncReplicas: 1,
});

function entry(request: ReplicaFetchRequest, index = 0, changes: Partial<ReplyEntry> = {}): ReplyEntry {
  const { topicId, partition, leaderEpoch } = request.partitions[index]!;
  const found = {
    error: 0,
    message: null,
    leaderEpoch,
    highWatermark: 0,
    logStartOffset: 0,
    diverging: null,
    bytes: 0,
  };
  return { topicId, partition, ...found, ...changes };
}

function batch(value: string, baseOffset: number, leaderEpoch = 3): Uint8Array {
  const bytes = batchOf([value]);
  patchBatch(bytes, 0, { baseOffset, leaderEpoch });
  return bytes;
}

function answer(
  { request, reply }: { request: ReplicaFetchRequest; reply: Completion<Reply> },
  payload: Uint8Array = new Uint8Array(),
  changes: Partial<ReplyEntry> = {},
  release: () => void = () => undefined,
): void {
  reply.resolve({ body: { partitions: [entry(request, 0, { bytes: payload.length, ...changes })] }, payload, release });
}

describe('a fetch from the leader', () => {
  test('says how far the log is, appends what comes, and reports what is synced without waiting for the next', async () => {
    const { requests, partition, until, recorded } = await fixture();
    expect(requests[0]?.request).toMatchObject({ brokerId: 2, brokerEpoch: 7, maxWaitMs: 500 });
    const asked = { leaderEpoch: 3, fetchOffset: 0, lastFetchedEpoch: -1, syncedEndOffset: 0 };
    expect(requests[0]?.request.partitions[0]).toMatchObject(asked);
    answer(requests[0]!, batch('a', 0), { highWatermark: 9 });
    await until(() => requests.length > 2);
    expect(partition.highWatermark).toBe(1);
    expect(requests[1]?.request).toMatchObject({
      maxWaitMs: 500,
      partitions: [{ fetchOffset: 1, lastFetchedEpoch: 3 }],
    });
    expect(requests[2]?.request).toMatchObject({ maxWaitMs: 0, maxBytes: 0, partitions: [{ syncedEndOffset: 1 }] });
    expect(recorded.value('millrace_replication_received_bytes_total')).toBeGreaterThan(0);
  });

  test('gives the memory of a reply back once, when what came is appended and before anything else is asked for', async () => {
    const { requests, partition, until } = await fixture();
    const payload = batch('kept', 0);
    const sent = Uint8Array.from(payload);
    const released: [endOffset: number, requests: number][] = [];
    answer(requests[0]!, payload, { highWatermark: 1 }, () => {
      released.push([partition.log.endOffset, requests.length]);
      payload.fill(0xff); // As the next reply would.
    });
    await until(() => requests.length > 2);
    expect(released).toEqual([[1, 1]]);
    const read = await partition.log.read(0, 1000, 1);
    expect(Buffer.from(read.bytes).equals(sent)).toBe(true);
    read.release?.();
  });

  test('of partitions that come one by one: those beside the first return soon, and go together from then on', async () => {
    const { requests, simulation } = await fixture(3);
    await simulation.runFor(10);
    expect(requests.map(({ request }) => request.maxWaitMs)).toEqual([500, 50, 50]);
    expect(requests.every(({ request }) => request.partitions.length === 1)).toBe(true);
    for (const { request, reply } of requests.splice(0)) {
      reply.resolve({ body: { partitions: [entry(request)] }, payload: new Uint8Array(), release: () => undefined });
    }
    await simulation.runFor(10);
    expect(requests.flatMap(({ request }) => request.partitions)).toHaveLength(3);
  });

  test('of idle partitions is one request; one that gets records goes its own way again', async () => {
    const { requests, partitions, simulation, until } = await fixture(3);
    const replyTo = (at: number, payload: Uint8Array = new Uint8Array()): void => {
      const { request, reply } = requests[at]!;
      const replies = request.partitions.map((_, index) =>
        entry(request, index, { bytes: index === 0 ? payload.length : 0 }),
      );
      reply.resolve({ body: { partitions: replies }, payload, release: () => undefined });
    };
    await simulation.runFor(1200);
    for (let at = 0; at < 3; at++) replyTo(at);
    await until(() => requests.some(({ request }) => request.partitions.length === 3));
    const together = requests.findIndex(({ request }) => request.partitions.length === 3);
    const { partition: index } = requests[together]!.request.partitions[0]!;
    replyTo(together, batch('a', 0));
    await until(() => requests.length > together + 2);
    const after = requests.slice(together + 1).filter(({ request }) => request.maxBytes > 0);
    expect(after.map(({ request }) => request.partitions.length).sort()).toEqual([1, 2]);
    expect(partitions[index]?.log.endOffset).toBe(1);
  });
});

describe('a leader that answers nonsense', () => {
  test.each([
    ['a batch that begins elsewhere', batch('a', 5)],
    ['a batch of an older epoch after a newer one', undefined],
    ['bytes that are no batch', Buffer.alloc(100, 0xee)],
    [
      'a batch with a wrong checksum',
      (() => {
        const bytes = batch('a', 0);
        bytes[bytes.length - 1]! ^= 1;
        return bytes;
      })(),
    ],
  ])('%s: nothing is appended, it is asked again after growing pauses, and heard when it is well', async (_, bad) => {
    const { requests, partition, until, recorded, simulation } = await fixture();
    let end = 0;
    if (bad === undefined) {
      answer(requests[0]!, batch('x', 0));
      await until(() => requests.length > 1);
      end = 1;
    }
    const wrong = bad ?? batch('a', 1, 2);
    const fetches = () => requests.filter(({ request }) => request.maxBytes > 0);
    const times: number[] = [];
    for (let round = 0; round < 8; round++) {
      const at = fetches().length;
      answer(fetches()[at - 1]!, wrong);
      await until(() => fetches().length > at);
      times.push(simulation.nowMs);
    }
    expect(partition.log.endOffset).toBe(end);
    expect(partition.isOffline).toBe(false);
    expect(times.at(-1)! - times.at(-2)!).toBeGreaterThan(1000);
    expect(recorded.value('millrace_replica_fetch_failures_total', { leader: '1' })).toBe(8);
    answer(fetches().at(-1)!, batch('good', end));
    await until(() => partition.log.endOffset === end + 1);
  });

  test('about other partitions, or of lengths that do not add up: the whole answer is dropped', async () => {
    const { requests, partition, until } = await fixture();
    const { request, reply } = requests[0]!;
    reply.resolve({
      body: { partitions: [entry(request, 0, { partition: 4 })] },
      payload: new Uint8Array(),
      release: () => undefined,
    });
    await until(() => requests.length > 1);
    answer(requests[1]!, batch('a', 0), { bytes: 3 });
    await until(() => requests.length > 2);
    answer(requests[2]!, batch('a', 0));
    await until(() => partition.log.endOffset === 1);
  });

  test('that the logs part where this one ends: nothing is cut, and it is not asked without end', async () => {
    const { requests, partition, simulation, until } = await fixture();
    answer(requests[0]!, batch('a', 0));
    await until(() => partition.log.endOffset === 1);
    const fetches = () => requests.filter(({ request }) => request.maxBytes > 0);
    const divergence = { diverging: { leaderEpoch: 3, endOffset: 1 } };
    const startMs = simulation.nowMs;
    for (let round = 0; round < 10; round++) {
      const at = fetches().length;
      answer(fetches()[at - 1]!, undefined, divergence);
      await until(() => fetches().length > at);
    }
    expect(simulation.nowMs - startMs).toBeGreaterThan(2000);
    expect(partition.log.endOffset).toBe(1);
  });
});

describe('that the logs part below what this one calls committed', () => {
  test('the high watermark goes back before the records do: it is never past the log', async () => {
    const { requests, partition, until } = await fixture();
    const epochs = [1, 2, 3];
    answer(requests[0]!, Buffer.concat(epochs.map((epoch, offset) => batch('a', offset, epoch))), { highWatermark: 3 });
    await until(
      () => partition.highWatermark === 3 && requests.filter(({ request }) => request.maxBytes > 0).length > 1,
    );
    const fetches = requests.filter(({ request }) => request.maxBytes > 0);
    answer(fetches[1]!, undefined, { diverging: { leaderEpoch: 1, endOffset: 1 } });
    const pastTheLog: [number, number][] = [];
    await until(() => {
      const { highWatermark, log } = partition;
      if (highWatermark > log.endOffset) pastTheLog.push([highWatermark, log.endOffset]);
      return log.endOffset === 1 && partition.beingCut === undefined;
    });
    expect(pastTheLog).toEqual([]);
    expect(partition.highWatermark).toBe(1);
  });
});

describe('offsets that compaction took from the leader', () => {
  const compacted = { ...defaultLogConfig, cleanup: 'compact' } as const;

  test('are no damage, and nothing behind them is cut off, when it starts after a power cut and knows no topic yet', async () => {
    const { requests, partition, simulation, until } = await fixture(1, compacted);
    const fetches = () => requests.filter(({ request }) => request.maxBytes > 0);
    const batches = Buffer.concat([batch('a', 0), batch('e', 4)]);
    for (let answered = 0; partition.log.syncedEndOffset < 5; answered++) {
      await until(() => fetches().length > answered);
      answer(fetches()[answered]!, batches);
      await simulation.runFor(50);
    }
    simulation.crash('node-2', 'lost');
    const directory = await simulation.complete(
      LogDirectory.open(simulation.restart('node-2'), { path: 'data', nodeId: 2, lowSpaceBytes: 0 }),
    );
    const log = directory.log('orders', 0);
    expect(log?.offlineReason).toBeUndefined();
    expect(log?.endOffset).toBe(5);
  });

  test('are not left out here before that can be told on the disk', async () => {
    const { requests, partition, simulation, until, recorded } = await fixture(1, compacted);
    simulation.disk('node-2').failNext({ operation: 'write', path: /cleaner-offset-checkpoint/, code: 'ENOSPC' });
    const ends: number[] = [];
    for (let answered = 0; answered < 3; answered++) {
      await until(() => requests.length > answered);
      answer(requests[answered]!, batch('e', 4));
      await until(() => requests.length > answered + 1);
      ends.push(partition.log.endOffset);
    }
    expect(ends).toEqual([0, 0, 5]);
    expect(recorded.value('millrace_replica_fetch_failures_total', { leader: '1' })).toBe(1);
    expect(partition.isOffline).toBe(false);
  });
});

describe('what comes too late', () => {
  test('after the leader changed is not appended', async () => {
    const { requests, partition, simulation } = await fixture();
    await simulation.complete(partition.update(assignment(4, 3), { durability: 'fsync' }));
    answer(requests[0]!, batch('a', 0));
    await simulation.runFor(50);
    expect(partition.log.endOffset).toBe(0);
  });

  test('of a leader of the epoch before is not appended, though the leader is the same', async () => {
    const { requests, partition, simulation, fetcher } = await fixture();
    await simulation.complete(partition.update(assignment(4), { durability: 'fsync' }));
    fetcher.add(partition);
    answer(requests[0]!, batch('a', 0));
    await simulation.runFor(50);
    expect(partition.log.endOffset).toBe(0);
    expect(requests.at(-1)?.request.partitions[0]).toMatchObject({ leaderEpoch: 4 });
  });
});

describe('an offset that is out of range', () => {
  test('never cuts what the leader still has: it is asked again', async () => {
    const { requests, partition, simulation, until } = await fixture();
    answer(requests[0]!, batch('a', 0));
    await until(() => partition.log.endOffset === 1);
    const fetches = () => requests.filter(({ request }) => request.maxBytes > 0);
    answer(fetches().at(-1)!, undefined, { error: 1, message: 'out of range', logStartOffset: 0 });
    await simulation.runFor(100);
    expect(partition.log.endOffset).toBe(1);
    answer(fetches().at(-1)!, undefined, { error: 1, message: 'out of range', logStartOffset: 40 });
    await until(() => partition.log.endOffset === 40);
    expect(partition.log.startOffset).toBe(40);
  });
});

test('a request that fails is not repeated at once, and all is told again', async () => {
  const { requests, until, simulation, recorded } = await fixture();
  const startMs = simulation.nowMs;
  requests[0]!.reply.reject(new MillraceError('NETWORK_EXCEPTION', 'broken', { retriable: true }));
  await until(() => requests.length > 1);
  expect(simulation.nowMs - startMs).toBeGreaterThanOrEqual(40);
  expect(requests[1]?.request.partitions).toHaveLength(1);
  expect(recorded.value('millrace_replica_fetch_failures_total', { leader: '1' })).toBe(1);
});
