/**
 * Power cuts at every operation of a workload on the disk, with unsynced data kept, lost, torn or garbage: each time
 * the log opens and holds what was acknowledged, and nothing that was never appended. Data that is kept is what a killed
 * process leaves: then the log holds all that was appended, for a topic that is only replicated acknowledged that.
 */
import { seededRandom, SimulatedDisk, type CrashPolicy, type Fate } from '@millrace/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { report, runsOf } from '../test-runs.js';
import { appendValues, batchOf, directory, TestPartition, tinyConfig, type ReadRecord } from '../log/test-partition.js';
import { checkChain, checkIndexes, epochsOf } from './log-checks.js';
import { producerId, Recorder, type Expectation, type Workload, type WorkStep } from './recorded-workload.js';

const plainSteps: WorkStep[] = [
  { do: 'append', count: 3 },
  { do: 'append', count: 2, idempotent: true },
  { do: 'sync' },
  { do: 'append', count: 4 },
  { do: 'append', count: 4, idempotent: true },
  { do: 'append', count: 5 },
  { do: 'sync' },
  { do: 'checkpoint' },
  { do: 'append', count: 6, bump: true },
  { do: 'append', count: 3 },
  { do: 'append', count: 3, idempotent: true },
  { do: 'append', count: 9 },
  { do: 'sync' },
  { do: 'append', count: 9 },
  { do: 'append', count: 9 },
  { do: 'truncate', to: 31 },
  { do: 'append', count: 4, bump: true },
  { do: 'append', count: 4 },
  { do: 'append', count: 4 },
  { do: 'sync' },
  { do: 'append', count: 8 },
  { do: 'append', count: 8 },
  { do: 'append', count: 8, idempotent: true },
  { do: 'sync' },
  { do: 'truncate', to: 18 },
  { do: 'append', count: 2, bump: true },
  { do: 'append', count: 8 },
  { do: 'append', count: 8, idempotent: true },
  { do: 'append', count: 8 },
  { do: 'delete', to: 6 },
  { do: 'sync' },
  { do: 'append', count: 8 },
  { do: 'delete', to: 22 },
  { do: 'checkpoint' },
  { do: 'append', count: 8 },
  { do: 'append', count: 8, bump: true },
  { do: 'sync' },
  { do: 'retain', bytes: 900 },
  { do: 'append', count: 3, idempotent: true },
  { do: 'sync' },
  { do: 'reset', to: 500 },
  { do: 'append', count: 8, bump: true },
  { do: 'append', count: 8 },
  { do: 'append', count: 8 },
  { do: 'sync' },
];

const compactedSteps: WorkStep[] = [
  { do: 'append', count: 6, keys: 4 },
  { do: 'append', count: 6, keys: 3 },
  { do: 'sync' },
  { do: 'append', count: 6, keys: 6 },
  { do: 'append', count: 6, keys: 2 },
  { do: 'append', count: 6, keys: 2, bump: true },
  { do: 'append', count: 6, keys: 5 },
  { do: 'sync' },
  { do: 'compact' },
  { do: 'append', count: 6, keys: 6 },
  { do: 'append', count: 6, keys: 6 },
  { do: 'checkpoint' },
  { do: 'append', count: 6, keys: 6 },
  { do: 'append', count: 6, keys: 6 },
  { do: 'sync' },
  { do: 'compact' },
  { do: 'append', count: 6, keys: 6 },
  { do: 'sync' },
];

interface Case {
  readonly name: string;
  readonly policy: CrashPolicy;
}

function casesOf(factor: number): Case[] {
  const cases: Case[] = [
    { name: 'kept', policy: { unsynced: 'kept' } },
    { name: 'lost', policy: { unsynced: 'lost' } },
    { name: 'bytes kept, names lost', policy: { unsynced: 'kept', entries: 'lost' } },
    { name: 'bytes lost, names kept', policy: { unsynced: 'lost', entries: 'kept' } },
  ];
  const fates: Fate[] = ['torn', 'random', 'random'];
  for (let round = 0; round < factor; round++) {
    for (const [index, unsynced] of fates.entries())
      cases.push({ name: `${unsynced} ${round}.${index}`, policy: { unsynced } });
  }
  return cases;
}

let points = 0;
let recoveries = 0;

function expectationAt(workload: Workload, count: number): Expectation {
  const found = workload.expectations.findLast((expectation) => expectation.from <= count);
  if (found === undefined) throw new Error(`nothing is expected at operation ${count}`);
  return found;
}

async function checkRecovered(
  disk: SimulatedDisk,
  expectation: Expectation,
  workload: Workload,
): Promise<TestPartition> {
  recoveries++;
  const partition = await open(disk, workload);
  const { log } = partition;
  expect(log.offlineReason).toBeUndefined();
  const found = await partition.readAll();
  checkRecords(found, expectation, log.startOffset, log.endOffset, workload.isCompacted);
  const batches = checkChain(disk.files(), directory, workload.isCompacted);
  const last = batches.at(-1);
  if (!workload.isCompacted) expect(log.endOffset).toBe(last === undefined ? log.endOffset : last.lastOffset + 1);
  if (batches.length > 0 && !workload.isCompacted) expect(log.epochs).toEqual(epochsOf(batches));
  for (const batch of batches) {
    const { epochs } = log;
    expect(epochs.findLast((entry) => entry.startOffset <= batch.baseOffset)?.epoch).toBe(batch.leaderEpoch);
  }
  return partition;
}

function open(disk: SimulatedDisk, workload: Workload): Promise<TestPartition> {
  return TestPartition.open(disk, { config: workload.isCompacted ? compactedConfig : {} });
}

const compactedConfig = { cleanup: 'compact', minCleanableDirtyRatio: 0.01, segmentBytes: 500 } as const;

function checkRecords(
  found: readonly ReadRecord[],
  expectation: Expectation,
  startOffset: number,
  endOffset: number,
  isCompacted: boolean,
): void {
  const may = new Map(expectation.may.map(({ batch: _, ...record }) => [record.offset, record]));
  for (const record of found) expect(record).toEqual(may.get(record.offset));
  const offsets = new Set(found.map((record) => record.offset));
  for (const { offset } of expectation.must)
    if (offset >= startOffset) expect(offsets, `acknowledged offset ${offset}`).toContain(offset);
  const mustEnd = (expectation.must.at(-1)?.offset ?? -1) + 1;
  expect(endOffset).toBeGreaterThanOrEqual(mustEnd);
  expect(expectation.startOffsets).toContain(startOffset);
  if (!isCompacted && found.length > 0) {
    expect(found.map((record) => record.offset)).toEqual(found.map((_, index) => startOffset + index));
    expect(endOffset).toBe(startOffset + found.length);
  }
}

/** What a recovered log goes through: the batches of producers are still known, and it can be written. */
async function checkUsable(partition: TestPartition, workload: Workload): Promise<void> {
  const { log } = partition;
  const before = await partition.readAll();
  const value = appendValues(log, ['after recovery'], 99);
  await log.sync();
  const again = await open(partition.disk.crash('lost'), workload);
  expect((await again.readAll()).map((record) => record.offset)).toEqual([
    ...before.map((record) => record.offset),
    value,
  ]);
  const next = (): Uint8Array =>
    batchOf({ values: ['new epoch'], keys: ['key'], producer: { id: producerId, epoch: 100, sequence: 0 } });
  const first = again.log.append(next(), { origin: 'client', leaderEpoch: 99 });
  const second = again.log.append(next(), { origin: 'client', leaderEpoch: 99 });
  expect([second.duplicate, second.baseOffset]).toEqual([true, first.baseOffset]);
  await again.close();
  checkIndexes(again.disk.files(), directory, tinyConfig.indexIntervalBytes);
}

async function sweep(workload: Workload, { name, policy }: Case): Promise<void> {
  const random = seededRandom(name);
  const picks = random.stream('which crash points are looked at closely');
  for (const { count, disk } of SimulatedDisk.crashPoints(workload.operations, { ...policy, random })) {
    points++;
    const found = expectationAt(workload, count);
    const isKilled = policy.unsynced === 'kept' && policy.entries === undefined;
    const expectation = isKilled ? { ...found, must: found.written } : found;
    const context = `power cut after operation ${count} of ${workload.operations.length}, unsynced data ${name}`;
    try {
      const base = disk.crash('kept');
      const partition = await checkRecovered(disk, expectation, workload);
      const content = await partition.readAll();
      const { endOffset, startOffset } = partition.log;
      const look = picks.integer(0, 4);
      if (look === 0) {
        // Twice is once.
        const second = await checkRecovered(disk.crash('lost'), expectation, workload);
        expect([second.log.startOffset, second.log.endOffset]).toEqual([startOffset, endOffset]);
        expect(await second.readAll()).toEqual(content);
        await checkUsable(second, workload);
      } else if (look === 1) {
        // A power cut during the recovery.
        const { operations } = disk;
        const during = operations.slice(0, picks.integer(0, operations.length + 1));
        const replay = { unsynced: 'random', random, base } as const;
        await checkRecovered(SimulatedDisk.fromPrefix(during, during.length, replay), expectation, workload);
      }
    } catch (error) {
      throw new Error(context, { cause: error });
    }
  }
}

describe('a power cut at any operation', () => {
  let plain: Workload;
  let compacted: Workload;

  beforeAll(async () => {
    plain = await Recorder.run(plainSteps);
    compacted = await Recorder.run(compactedSteps, compactedConfig);
  });

  for (const each of casesOf(runsOf(1))) {
    test(`loses nothing acknowledged: appends, rolls, truncation, deletion (unsynced data ${each.name})`, async () => {
      await sweep(plain, each);
    });
    test(`loses nothing acknowledged: compaction (unsynced data ${each.name})`, async () => {
      await sweep(compacted, each);
    });
  }

  test('is survived, so often', () => {
    report(
      `crash points: ${points}; recoveries: ${recoveries}; operations: ${plain.operations.length} and ${compacted.operations.length}`,
    );
    expect(points).toBeGreaterThan(1000);
  });
});
