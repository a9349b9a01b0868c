/**
 * The disk of one of three nodes fills up: its own partitions refuse writes with a typed error or move on, those of the
 * others go on without it, and when there is space again it has all that it lacks. Takes the right to mount.
 */
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { errorCode } from '@millrace/base';
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';
import { expect, test } from 'vitest';
import { ClusterProcesses, nodeIds } from './cluster-processes.js';
import { temporaryDirectory } from './node-process.js';
import { until } from './pause.js';
import { loopbackPlace } from './rig/cluster-place.js';
import { mountSmallDisk } from './rig/small-disk.js';

const topic = 'full';
const partitions = 3;
const victim = 2;
const diskMiB = 48;
const takenMiB = 24;
const valueBytes = 50_000;
/** More than fits on the small disk, with all its partitions. */
const rounds = Math.ceil((diskMiB * 1024 * 1024) / valueBytes / partitions);
const settings = ['log.low.space.bytes=1048576', 'replica.lag.time.max.ms=2000', 'broker.session.timeout.ms=3000'];

test('a full disk of one node of three stops no other, loses nothing acknowledged, and is caught up with when there is space', async () => {
  using directory = temporaryDirectory();
  const disk = mountSmallDisk(join(directory.path, 'disk'), diskMiB, takenMiB);
  if (disk === undefined) {
    process.stdout.write('SKIP(no right to mount a tmpfs): full disk of one node of three\n');
    return;
  }
  const place = await loopbackPlace(directory.path, nodeIds);
  const dataDir = (nodeId: number): string => (nodeId === victim ? join(disk.path, 'data') : place.dataDir(nodeId));
  let cluster: ClusterProcesses | undefined;
  try {
    const started = await ClusterProcesses.start({ ...place, dataDir }, settings);
    cluster = started;
    const { bootstrap } = started;
    await using admin = new Admin({ bootstrap, requestTimeoutMs: 60_000 });
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3, configs: { 'min.insync.replicas': '2' } });
    await started.whole(admin, topic);
    const before = (await admin.describeTopic(topic)).partitions;
    expect(before.some(({ leader }) => leader === victim)).toBe(true);

    const acknowledged = before.map(() => new Map<number, string>());
    const refusals = new Set<string>();
    const full = new Set<number>();
    await using producer = new Producer({ bootstrap, deliveryTimeoutMs: 10_000, retryBackoffMs: 50 });
    const send = async (partition: number, value: string): Promise<void> => {
      if (full.has(partition)) return;
      try {
        const { offset } = await producer.send({ topic, partition, value: value.padEnd(valueBytes, '.') });
        acknowledged[partition]?.set(offset, value);
      } catch (error) {
        refusals.add(errorCode(error));
        full.add(partition);
      }
    };
    for (let round = 0; round < rounds; round += 1) {
      await Promise.all(before.map(({ partition }) => send(partition, `${partition}/${round}`)));
    }
    let seen = '';
    const isLeftBehind = async (): Promise<boolean> => {
      const now = (await admin.describeTopic(topic)).partitions;
      seen = JSON.stringify(now);
      return now.every(({ leader, isr }) => leader === victim || !isr.includes(victim));
    };
    await until(isLeftBehind, { evidence: () => `${seen}\n${started.logs}` });
    // Whatever the full one still leads says that its disk is full, and nothing else ever failed.
    expect([...refusals].filter((code) => code !== 'LOG_DISK_FULL')).toEqual([]);
    for (const { partition, leader } of before) if (leader !== victim) expect(full.has(partition)).toBe(false);
    for (const { partition, leader } of before) if (leader !== victim) await send(partition, `${partition}/without`);
    expect(full.size).toBeLessThan(partitions);

    disk.makeRoom();
    full.clear();
    await started.whole(admin, topic);
    for (const { partition } of before) await send(partition, `${partition}/after`);
    expect(full.size).toBe(0);
    const total = acknowledged.reduce((sum, { size }) => sum + size, 0);
    const found = await readAll(bootstrap, acknowledged);
    expect(found).toEqual(acknowledged);
    expect(started.isRunning(victim)).toBe(true);
    process.stdout.write(
      `full disk of one: ${total} records acknowledged, refused: ${[...refusals].join() || 'none'}\n`,
    );
  } finally {
    await cluster?.stop();
    disk.unmount();
  }
});

/** At the offsets that were acknowledged, what is there; others may hold what was written and not acknowledged. */
async function readAll(
  bootstrap: string,
  acknowledged: readonly ReadonlyMap<number, string>[],
): Promise<readonly Map<number, string>[]> {
  const found = acknowledged.map(() => new Map<number, string>());
  let missing = acknowledged.reduce((sum, { size }) => sum + size, 0);
  await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
  for await (const { partition, offset, value } of consumer.records({ signal: AbortSignal.timeout(60_000) })) {
    if (acknowledged[partition]?.has(offset) !== true) continue;
    found[partition]?.set(
      offset,
      Buffer.from(value ?? [])
        .toString()
        .replace(/\.+$/, ''),
    );
    missing -= 1;
    if (missing === 0) break;
  }
  return found;
}
