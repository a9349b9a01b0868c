import { seededRandom, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { batchOf, directory, TestPartition } from '../log/test-partition.js';
import { report, runsOf } from '../test-runs.js';

const config = { segmentBytes: 2200, indexIntervalBytes: 200 };

/** Times that go up and down, so that a wrong place to begin at would leave records out. */
async function makeLog(
  seed: number,
  peakAt?: number,
): Promise<{ readonly disk: SimulatedDisk; readonly times: readonly number[] }> {
  const disk = new SimulatedDisk();
  const random = seededRandom(seed).stream('times');
  const partition = await TestPartition.open(disk, { config });
  const times = Array.from({ length: 44 }, (_, index) => 1_767_225_600_000 + index + random.integer(0, 40));
  if (peakAt !== undefined) times[peakAt] = (times[peakAt] ?? 0) + 500;
  for (const [index, timestampMs] of times.entries()) {
    const bytes = batchOf({ values: [`${index % 10}`], timestampsMs: [timestampMs] });
    partition.log.append(bytes, { origin: 'client', leaderEpoch: 0 });
  }
  await partition.close();
  return { disk, times };
}

test('a bit that flips in an index changes no answer', async () => {
  let flips = 0;
  for (let seed = 1; seed <= runsOf(1); seed++) {
    const { disk, times } = await makeLog(seed);
    const files = disk.files();
    for (const name of files.list(directory).filter((each) => each.endsWith('index'))) {
      const path = `${directory}/${name}`;
      const bits = (files.stat(path)?.sizeBytes ?? 0) * 8;
      for (let bit = 0; bit < bits; bit += name.endsWith('timeindex') ? 1 : 5) {
        const flipped = disk.crash('kept');
        flipped.flipBit(path, bit);
        const { log } = await TestPartition.open(flipped, { config, clean: true });
        flips++;
        for (let index = bit % 6; index < times.length; index += 6) {
          const timestampMs = times[index] ?? 0;
          const found = await log.offsetForTimestamp(timestampMs);
          expect(found?.offset, `${name}, bit ${bit}, seed ${seed}`).toBe(
            times.findIndex((each) => each >= timestampMs),
          );
          const offset = (index * 7) % times.length;
          const { bytes } = await log.read(offset, 1, log.endOffset);
          expect(Buffer.from(bytes).readBigInt64BE(0)).toBe(BigInt(offset));
        }
      }
    }
  }
  report(`bit flips in indexes: ${flips}`);
});

test('indexes that are made anew while a log is opened are right after a power cut at any point of it', async () => {
  let points = 0;
  const { disk: original, times } = await makeLog(1, 33);
  const names = original
    .files()
    .list(directory)
    .filter((name) => name.endsWith('index'));
  for (const name of names) {
    const damaged = original.crash('kept');
    damaged.files().removeFile(`${directory}/${name}`);
    const disk = damaged.crash('kept');
    const base = disk.crash('kept');
    const partition = await TestPartition.open(disk, { config, clean: true });
    await partition.checkpoint();
    // Those of the active segment are made anew where they are.
    const isActive = name.startsWith(names.at(-1)?.slice(0, 20) ?? '');
    for (let seed = 0; seed < runsOf(isActive ? 15 : 2); seed++) {
      const replay = { unsynced: 'random', random: seededRandom(`${name} ${seed}`), base } as const;
      for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, replay)) {
        points++;
        const { log } = await TestPartition.open(after, { config });
        for (const timestampMs of [times[33] ?? 0, ...times.filter((_, index) => index % 5 === count % 5)]) {
          const expected = times.findIndex((each) => each >= timestampMs);
          const found = await log.offsetForTimestamp(timestampMs);
          expect(found?.offset, `${name} gone, power cut after operation ${count}`).toBe(expected);
        }
      }
    }
  }
  report(`power cuts while indexes are made anew: ${points}`);
});
