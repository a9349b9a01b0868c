import { expect, test } from 'vitest';
import { SimulatedDisk, seededRandom } from '@millrace/testkit';
import type { LogDirectory } from '../../src/directory/log-directory.js';
import { allCommitted, append, create, openOn, otherTopicId, path, topicId, values } from './directory-bench.js';
import { defaultLogConfig } from '../../src/log-config.js';
import { runsOf } from '../test-runs.js';

/** What was promised by the time the disk had done so many operations. */
interface Promised {
  readonly operations: number;
  /** Values that were synced, by topic; a topic that is not here promised nothing. */
  readonly synced: ReadonlyMap<string, readonly string[]>;
  readonly deleted: ReadonlySet<string>;
}

class Workload {
  readonly disk = new SimulatedDisk();
  readonly promises: Promised[] = [];
  readonly #synced = new Map<string, string[]>();
  readonly #deleted = new Set<string>();
  #count = 0;

  note(): void {
    const { operations } = this.disk;
    this.promises.push({
      operations: operations.length,
      synced: new Map([...this.#synced].map(([topic, list]) => [topic, [...list]])),
      deleted: new Set(this.#deleted),
    });
  }

  async write(directory: LogDirectory, topic: string, count: number): Promise<void> {
    const log = directory.log(topic, 0);
    if (log === undefined) throw new Error(`no log for ${topic}`);
    const added = Array.from({ length: count }, () => `${topic} ${this.#count++}`);
    for (const value of added) append(log, value, topic === 'compacted' ? `${this.#count % 4}` : null);
    await log.sync();
    this.#synced.set(topic, [...(this.#synced.get(topic) ?? []), ...added]);
    this.note();
  }

  async run(): Promise<void> {
    const first = await openOn(this.disk);
    await create(first, 'plain', 0, { segmentBytes: 300 });
    await create(first, 'compacted', 0, { segmentBytes: 400, cleanup: 'compact', minCleanableDirtyRatio: 0.01 });
    await create(first, 'deleted');
    for (const topic of ['plain', 'compacted', 'deleted']) await this.write(first, topic, 8);
    await first.housekeeping(allCommitted);
    this.#synced.delete('deleted');
    this.note();
    await first.log('deleted', 0)?.advanceStartOffset(5);
    this.note();
    await first.deleteLog({ topic: 'deleted', partition: 0, topicId });
    this.#deleted.add(topicId);
    this.note();
    await first.createLog({ topic: 'deleted', partition: 0, topicId: otherTopicId, config: defaultLogConfig });
    await this.write(first, 'deleted', 2);
    await this.write(first, 'plain', 6);
    await first.close();
    const second = await openOn(this.disk);
    second.log('compacted', 0)?.setConfig({
      ...defaultLogConfig,
      segmentBytes: 400,
      cleanup: 'compact',
      minCleanableDirtyRatio: 0.01,
    });
    await this.write(second, 'compacted', 8);
    await second.housekeeping(allCommitted);
    await this.write(second, 'plain', 3);
  }
}

async function check(disk: SimulatedDisk, promised: Promised | undefined): Promise<Map<string, string[]>> {
  const directory = await openOn(disk);
  expect(directory.offlinePartitions()).toEqual([]);
  const found = new Map<string, string[]>();
  for (const { topic, topicId: id, log } of directory.logs()) {
    expect(log.offlineReason).toBeUndefined();
    expect(promised?.deleted.has(id) === true && topic === 'deleted').toBe(false);
    expect(directory.highWatermark(topic, 0)).toBeLessThanOrEqual(log.endOffset);
    expect(log.recoveryPoint).toBeLessThanOrEqual(log.endOffset);
    found.set(`${topic} ${id}`, await values(log));
  }
  for (const [topic, synced] of promised?.synced ?? []) {
    const log = directory.log(topic, 0);
    const held = log && (await values(log));
    if (topic === 'compacted') expect(held).toEqual(expect.arrayContaining(synced.slice(-4)));
    else expect(held?.slice(0, synced.length)).toEqual(synced);
  }
  if (directory.log('deleted', 0) === undefined) {
    const fresh = await directory.createLog({
      topic: 'deleted',
      partition: 0,
      topicId: otherTopicId,
      config: defaultLogConfig,
    });
    expect([fresh.startOffset, fresh.endOffset, fresh.recoveryPoint]).toEqual([0, 0, 0]);
    append(fresh, 'fresh');
    found.set(`deleted ${otherTopicId}`, await values(fresh));
  }
  return found;
}

test('after a power cut at any point a data directory opens and holds all that was promised', async () => {
  const workload = new Workload();
  await workload.run();
  const { operations } = workload.disk;
  let points = 0;
  for (const [round, unsynced] of (['lost', 'kept', 'torn', 'random', 'random'] as const).entries()) {
    const random = seededRandom(`directory ${round}`);
    // One point in five, each round from another: together the rounds see nearly all.
    for (const { count, disk } of SimulatedDisk.crashPoints(operations, { unsynced, random })) {
      if ((count + round) % Math.max(1, Math.round(5 / runsOf(1))) !== 0) continue;
      const promised = workload.promises.findLast((one) => one.operations <= count);
      const found = await check(disk, promised);
      points++;
      if (points % 4 !== 0) continue;
      disk.endProcess();
      expect(await check(disk, promised)).toEqual(found);
    }
  }
  expect(points).toBeGreaterThan(200);
  expect(workload.disk.files().list(path)).toContain('deleted-0');
});
