/**
 * Every single bit of a small log's files is flipped in turn: each answer is then the one without the flip, or a typed
 * error. Never another one.
 */
import { MillraceError } from '@millrace/base';
import { ManualClock, seededRandom, SimulatedDisk } from '@millrace/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import type { PartitionLog } from '../../src/log/partition-log.js';
import { batchOf, dataDirectory, decode, directory, TestPartition, type TestBatch } from '../log/test-partition.js';
import { report, testFactor } from '../test-runs.js';

const config = { segmentBytes: 330, indexIntervalBytes: 60 };
const producer = { id: 5, epoch: 2 };
const startMs = new ManualClock().wallMs();

const batches: (TestBatch & { readonly leaderEpoch: number })[] = [
  { values: ['a', 'b'], timestampsMs: [startMs + 1, startMs + 5], leaderEpoch: 0 },
  { values: ['c'], timestampsMs: [startMs + 3], leaderEpoch: 0, producer: { ...producer, sequence: 0 } },
  { values: ['d'], timestampsMs: [startMs + 20], leaderEpoch: 0 },
  { values: ['e', 'f'], timestampsMs: [startMs + 21, startMs + 30], leaderEpoch: 3 },
  { values: ['g'], timestampsMs: [startMs + 11], leaderEpoch: 3, producer: { ...producer, sequence: 1 } },
  { values: ['h'], timestampsMs: [startMs + 40], leaderEpoch: 3 },
  { values: ['i'], timestampsMs: [startMs + 50], leaderEpoch: 4, compression: 'gzip' },
  { values: ['j', 'k'], timestampsMs: [startMs + 51, startMs + 45], leaderEpoch: 4 },
  { values: ['l'], timestampsMs: [startMs + 60], leaderEpoch: 4, producer: { ...producer, sequence: 2 } },
];
const times = [2, 5, 6, 21, 31, 41, 51, 60, 61].map((ms) => startMs + ms);

async function makeLog(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk(seededRandom('corruption').stream('disk'), { record: false });
  const partition = await TestPartition.open(disk, { config });
  for (const { leaderEpoch, ...batch } of batches)
    partition.log.append(batchOf(batch), { origin: 'client', leaderEpoch });
  await partition.close();
  return disk;
}

/** What is asked of the log, and what it answered: a value, or the code of a typed error. */
type Answers = Map<string, unknown>;

/** Once a log has found damage it says so to all: each half of the flips begins with other questions. */
async function ask(disk: SimulatedDisk, clean: boolean, readsFirst = false): Promise<Answers> {
  const answers: Answers = new Map();
  const note = async (question: string, answer: () => unknown): Promise<void> => {
    try {
      answers.set(question, await answer());
    } catch (error) {
      // Only a typed error is an answer: an assertion that failed is a bug of ours.
      if (!(error instanceof MillraceError) || error.code === 'ASSERTION_FAILED') throw error;
      answers.set(question, { error: error.code });
    }
  };
  const partition = await TestPartition.open(disk, { config, clean });
  const { log } = partition;
  const reason = log.offlineReason;
  if (reason !== undefined) answers.set('opens', { error: reason.code });
  if (readsFirst) await note('all', () => (log.isOffline ? offline(log) : partition.readAll()));
  for (const timestampMs of times) await note(`time ${timestampMs}`, () => log.offsetForTimestamp(timestampMs));
  await note('largest time', () => log.largestTimestamp());
  for (const epoch of [0, 1, 2, 3, 4, 5]) await note(`epoch ${epoch}`, () => log.endOffsetForEpoch(epoch));
  for (let offset = 0; offset <= 12; offset++) {
    await note(`read ${offset}`, async () => decode((await log.read(offset, 1, log.endOffset)).bytes));
  }
  await note('all', () => (log.isOffline ? offline(log) : partition.readAll()));
  await note('ends', () => (log.isOffline ? offline(log) : [log.startOffset, log.endOffset, log.leaderEpoch]));
  const again = batches[8];
  await note('duplicate', () => again && log.append(batchOf(again), { origin: 'client', leaderEpoch: 4 }));
  const next = { values: ['m'], producer: { ...producer, sequence: 3 } };
  await note('next', () => log.append(batchOf(next), { origin: 'client', leaderEpoch: 4 }));
  await note('retention', () => log.applyRetention(log.endOffset));
  return answers;
}

function offline(log: PartitionLog): unknown {
  return { error: log.offlineReason?.code };
}

function isError(answer: unknown): boolean {
  return typeof answer === 'object' && answer !== null && 'error' in answer;
}

describe('a bit that flips on the disk', () => {
  let original: SimulatedDisk;
  let expected: Answers;

  beforeAll(async () => {
    original = await makeLog();
    expected = await ask(original.crash('kept'), true);
    for (const [question, answer] of expected) expect(isError(answer), question).toBe(false);
    expect(await ask(original.crash('kept'), false)).toEqual(expected);
  });

  test.each([
    ['a clean stop', true, 1],
    ['an unclean stop', false, 7],
  ])('is found, or changes no answer, after %s', async (_name, clean, stride) => {
    const counts = new Map<string, { flips: number; found: number; harmless: number }>();
    const files = original.files();
    const pathsIn = (parent: string): string[] =>
      files
        .list(parent)
        .map((name) => `${parent}/${name}`)
        .filter((path) => files.stat(path)?.isDirectory === false);
    const step = Math.max(1, Math.floor(stride / testFactor));
    const all = [...pathsIn(directory), ...pathsIn(dataDirectory)];
    for (const path of all) {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const kind = name.replace(/^\d+/, '*');
      const count = counts.get(kind) ?? { flips: 0, found: 0, harmless: 0 };
      counts.set(kind, count);
      const bits = (files.stat(path)?.sizeBytes ?? 0) * 8;
      for (let bit = 0; bit < bits; bit += step) {
        const disk = original.crash('kept');
        disk.flipBit(path, bit);
        const answers = await ask(disk, clean, bit % 2 === 0);
        let isFound = false;
        for (const [question, answer] of answers) {
          if (isError(answer)) isFound = true;
          else expect(answer, `${question}, bit ${bit} of ${name} flipped`).toEqual(expected.get(question));
        }
        count.flips++;
        if (isFound) count.found++;
        else count.harmless++;
      }
    }
    const lines = [...counts].map(
      ([name, { flips, found, harmless }]) => `${name} ${flips} (${found} refused, ${harmless} harmless)`,
    );
    const flips = [...counts.values()].reduce((sum, count) => sum + count.flips, 0);
    report(`bit flips: ${flips}; ${lines.join(', ')}`);
    expect(flips).toBeGreaterThan(1000);
  });
});
