import { describe, expect, test } from 'vitest';
import { encodeBatch } from '@millrace/record';
import { SimulatedDisk } from '@millrace/testkit';
import type { DumpLine, SummaryLine } from '../../src/dump/dump-line.js';
import { dumpLog, type DumpOptions } from '../../src/dump/dump-log.js';
import { allCommitted, create, openOn, path } from '../directory/directory-bench.js';

/** Two partitions; the first has three segments, with index entries for nearly each batch. */
async function filledDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const directory = await openOn(disk);
  for (const partition of [0, 1]) {
    const log = await create(directory, 'orders', partition, { segmentBytes: 500, indexIntervalBytes: 1 });
    for (let index = 0; index < (partition === 0 ? 8 : 2); index++) {
      const records = ['a', 'b'].map((key) => ({
        key,
        value: `value ${index}`,
        timestampMs: 1_767_225_600_000 + index,
      }));
      const compression = index % 2 === 0 ? 'none' : 'lz4';
      const producer = { producerId: 5, producerEpoch: 0, baseSequence: index * 2 };
      log.append(encodeBatch(records, { compression, ...producer }), { origin: 'client', leaderEpoch: 3 });
    }
  }
  await directory.housekeeping(allCommitted);
  await directory.close();
  return disk;
}

async function dump(disk: SimulatedDisk, options: DumpOptions): Promise<{ lines: DumpLine[]; summary: SummaryLine }> {
  const lines: DumpLine[] = [];
  for await (const line of dumpLog(disk.files(), options)) lines.push(line);
  const summary = lines.pop();
  if (summary?.kind !== 'summary') throw new Error('the last line is the summary');
  return { lines, summary };
}

const partition = `${path}/orders-0`;

describe('a dump', () => {
  test('of a data directory counts what is in it and finds nothing wrong', async () => {
    const disk = await filledDisk();
    const { lines, summary } = await dump(disk, { path, verify: true });
    expect(lines).toEqual([]);
    expect(summary).toMatchObject({ batches: 10, records: 20, problemCount: 0, problems: [] });
    const logBytes = ['orders-0', 'orders-1'].flatMap((name) =>
      disk
        .files()
        .list(`${path}/${name}`)
        .filter((file) => file.endsWith('.log'))
        .map((file) => disk.files().stat(`${path}/${name}/${file}`)?.sizeBytes ?? 0),
    );
    expect(summary.files).toBe(logBytes.length);
    expect(summary.bytes).toBe(logBytes.reduce((sum, bytes) => sum + bytes, 0));
  });

  test('shows batches and records', async () => {
    const { lines } = await dump(await filledDisk(), { path: partition, batches: true, records: true });
    expect(lines.slice(0, 3)).toMatchObject([
      { kind: 'batch', position: 0, baseOffset: 0, lastOffset: 1, leaderEpoch: 3, producerId: 5, compression: 'none' },
      { kind: 'record', isControl: false, record: { offset: 0, timestampMs: 1_767_225_600_000 } },
      { kind: 'record', record: { offset: 1 } },
    ]);
    expect(lines.filter(({ kind }) => kind === 'batch')).toHaveLength(8);
    expect(lines.filter(({ kind }) => kind === 'record')).toHaveLength(16);
  });

  test('of an index shows its entries', async () => {
    const disk = await filledDisk();
    const offsets = await dump(disk, { path: `${partition}/00000000000000000000.index`, batches: true });
    expect(offsets.lines[0]).toMatchObject({ kind: 'offset-entry', offset: 3 });
    const times = await dump(disk, {
      path: `${partition}/00000000000000000000.timeindex`,
      batches: true,
      verify: true,
    });
    expect(times.lines[0]).toMatchObject({ kind: 'time-entry' });
    expect(times.summary.problemCount).toBe(0);
  });

  test('finds every flipped bit that a checksum covers, and the place of the batch', async () => {
    const disk = await filledDisk();
    const file = `${partition}/00000000000000000000.log`;
    const { lines } = await dump(disk, { path: file, batches: true });
    const [first, second] = lines.filter((line) => line.kind === 'batch');
    if (first === undefined || second === undefined) throw new Error('two batches');
    for (let bit = 0; bit < (second.position + second.sizeBytes) * 8; bit++) {
      const at = Math.floor(bit / 8);
      const batch = at < second.position ? first : second;
      const isInHeader = at - batch.position < 17;
      if (isInHeader) continue;
      disk.flipBit(file, bit);
      const { summary } = await dump(disk, { path: file });
      expect(summary.problems[0]).toMatchObject({ file, position: batch.position });
      disk.flipBit(file, bit);
    }
  });

  test('finds every flipped bit of an index, of a snapshot, and of the leader epochs', async () => {
    const disk = await filledDisk();
    const names = disk
      .files()
      .list(partition)
      .filter((name) => /index$|snapshot$/.test(name));
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) {
      const file = `${partition}/${name}`;
      for (let bit = 0; bit < (disk.files().stat(file)?.sizeBytes ?? 0) * 8; bit += 3) {
        disk.flipBit(file, bit);
        const { summary } = await dump(disk, { path: partition, verify: true });
        expect(summary.problems.map((problem) => problem.file)).toContain(file);
        disk.flipBit(file, bit);
      }
    }
    disk.flipBit(`${partition}/leader-epoch-checkpoint`, 1);
    expect((await dump(disk, { path: partition, verify: true })).summary.problemCount).toBe(1);
  });

  test('tells a torn tail, and offsets that go back', async () => {
    const disk = await filledDisk();
    const file = `${path}/orders-1/00000000000000000000.log`;
    const whole = disk.files().stat(file)?.sizeBytes ?? 0;
    const log = disk.files().open(file, 'write');
    log.truncate(whole - 1);
    const { summary } = await dump(disk, { path: file });
    expect(summary).toMatchObject({ batches: 1, problemCount: 1 });
    expect(summary.problems[0]?.problem).toMatch(/beginning of a batch/);
    const copy = Buffer.alloc(summary.bytes);
    log.readSync(copy, 0, copy.length, 0);
    log.truncate(summary.bytes);
    log.write(copy, 0, copy.length, summary.bytes);
    const repeated = await dump(disk, { path: file, verify: true });
    expect(repeated.summary.problems[0]).toMatchObject({
      position: summary.bytes,
      problem: 'a batch at offset 0 where 2 is next',
    });
  });

  test('of nothing, or of a file that no partition has, is refused', async () => {
    const disk = await filledDisk();
    await expect(dump(disk, { path: '/nowhere' })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    await expect(dump(disk, { path: `${path}/meta.properties` })).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
  });

  test('changes nothing', async () => {
    const disk = await filledDisk();
    const before = disk.operations.length;
    await dump(disk, { path, verify: true, batches: true, records: true });
    expect(disk.operations.length).toBe(before);
  });
});
