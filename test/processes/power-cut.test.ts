/**
 * Power cuts: each node has a file system of its own in an image file; a cut leaves of it what had reached the image.
 * With `durability=fsync` everything that was acknowledged is there afterwards, whether one node is cut or all at once.
 * With `durability=replicated` a cut of all nodes loses records: how many is printed, and that the rest is sound is checked.
 *
 *     MILLRACE_POWER_CUTS=30     cuts of nodes of the cluster, and as many of a single node (default 4)
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Admin } from '@millrace/admin';
import { describe, expect, test } from 'vitest';
import { ClusterProcesses, nodeIds } from './cluster-processes.js';
import { checkHistoryFile, type Judgement } from './history/check-history-file.js';
import { HistoryFile } from './history/history-file.js';
import { RecordedLoad } from './history/recorded-load.js';
import { runMillrace, startNode, temporaryDirectory } from './node-process.js';
import { pause } from './pause.js';
import { loopbackPlace } from './rig/cluster-place.js';
import { freePorts } from './rig/free-ports.js';
import { ImageDisk, noImageDisks } from './rig/image-disk.js';

const cuts = Number(process.env['MILLRACE_POWER_CUTS'] ?? 4);
const diskMiB = 96;
const partitions = 3;
const topic = 'ledger';
const recordsPerSecond = 1000;
const sendLimitMs = 90_000;
const lateMs = 30_000;
const settings = [
  'broker.session.timeout.ms=1500',
  'broker.heartbeat.interval.ms=300',
  'log.low.space.bytes=8388608',
  'segment.bytes=1048576',
];

const missing = probe();
const skip = missing === undefined ? '' : `SKIP(${missing}): `;

function probe(): string | undefined {
  using directory = temporaryDirectory();
  return noImageDisks(directory.path);
}

describe.skipIf(missing !== undefined)(`${skip}power cuts`, { timeout: 120_000 + cuts * 30_000 }, () => {
  test(`of a single node lose nothing acknowledged, and recovering twice is recovering once (${cuts} cuts)`, async () => {
    using directory = temporaryDirectory();
    const disk = diskOf(directory.path, 1);
    const data = join(disk.path, 'data');
    const [client, internal] = await freePorts(2);
    const bootstrap = `127.0.0.1:${client}`;
    const args = [
      '--data',
      data,
      '--client',
      bootstrap,
      '--internal',
      `127.0.0.1:${internal}`,
      '--http',
      '127.0.0.1:0',
    ];
    const start = () => startNode([...args, '--log-level', 'warn', ...settings.flatMap((one) => ['--set', one])]);
    let node = await start();
    await using admin = new Admin({ bootstrap, requestTimeoutMs: 60_000 });
    await admin.createTopic({ name: topic, partitions });
    const history = new HistoryFile(join(directory.path, 'history.jsonl'));
    const load = new RecordedLoad({ bootstrap, history, topic, partitions, sendLimitMs, recordsPerSecond });
    let cutTails = 0;
    for (let cycle = 0; cycle < cuts; cycle += 1) {
      await load.progressBeyondFlight();
      await pause(300 * Math.random());
      node.child.kill('SIGSTOP');
      disk.cut();
      await node.end('SIGKILL');
      const before = logsUnder(data);
      disk.restore();
      if (logsUnder(data) !== before) cutTails += 1;
      // Recovered, ended at once, and recovered again, without a write in between: on a port that the load does not know.
      const alone = args.with(args.indexOf(bootstrap), '127.0.0.1:0');
      const recovered: string[] = [];
      for (let time = 0; time < 2; time += 1) {
        const first = await startNode([...alone, '--log-level', 'warn']);
        await first.end('SIGKILL');
        recovered.push(logsUnder(data));
      }
      expect(recovered[1]).toBe(recovered[0]);
      node = await start();
    }
    await load.progressBeyondFlight();
    await load.stop();
    history.close();
    const { violations, acknowledged, sent } = checkHistoryFile(history.path, { sendLimitMs: sendLimitMs + lateMs });
    expect(violations).toEqual([]);
    expect(load.failures).toEqual([]);
    expect(acknowledged).toBe(sent);
    expect(await node.end('SIGTERM')).toBe(0);
    const { code, stdout, stderr } = await runMillrace(['log', 'dump', data, '--verify', '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('"errors":[]');
    disk.close();
    process.stdout.write(
      `power cuts of one node: ${cuts}, in ${cutTails} of them unsynced bytes were gone; ${acknowledged} records ` +
        'acknowledged, all there once and in order\n',
    );
  });

  test(`of one node of three, and of all at once, lose nothing acknowledged (${cuts} cuts)`, async () => {
    await withCluster('fsync', async ({ cluster, load, whole, cut, judge }) => {
      let all = 0;
      for (let cycle = 0; cycle < cuts; cycle += 1) {
        await whole();
        await load.progressBeyondFlight();
        await pause(300 * Math.random());
        const isAll = cycle % 2 === 1;
        const victims = isAll ? nodeIds : [nodeIds[Math.floor(Math.random() * nodeIds.length)] ?? 1];
        await cut(victims);
        if (isAll) all += 1;
        else await load.progressBeyondFlight();
        await cluster.startAll();
      }
      await whole();
      await load.stop();
      const { violations, acknowledged, sent } = judge();
      expect(violations, cluster.logs).toEqual([]);
      expect(load.failures).toEqual([]);
      expect(acknowledged).toBe(sent);
      process.stdout.write(
        `power cuts in a cluster: ${cuts - all} of one node, ${all} of all three at once; ${acknowledged} records ` +
          'acknowledged, all there once and in order\n',
      );
    });
  });

  test('of all nodes at once lose records with durability=replicated, which is counted, and leave a sound log', async () => {
    await withCluster('replicated', async ({ cluster, load, whole, cut, judge }) => {
      await whole();
      await load.progress(2000);
      await cut(nodeIds);
      const before = load.acknowledged;
      await cluster.startAll();
      await whole();
      await load.stop();
      // What was acknowledged may be gone, so that is not judged here; all else is.
      const { violations, acknowledged, lost } = judge();
      expect(violations, cluster.logs).toEqual([]);
      process.stdout.write(
        `power cut of all three nodes with durability=replicated: ${before} records were acknowledged before it; ` +
          `${lost} of ${acknowledged} acknowledged records are lost\n`,
      );
    });
  });
});

interface Parts {
  readonly cluster: ClusterProcesses;
  readonly load: RecordedLoad;
  readonly whole: () => Promise<void>;
  /** The nodes lose power at the same moment, and do not run afterwards; their disks are what is left. */
  readonly cut: (victims: readonly number[]) => Promise<void>;
  readonly judge: () => Judgement;
}

async function withCluster(durability: 'fsync' | 'replicated', body: (parts: Parts) => Promise<void>): Promise<void> {
  using directory = temporaryDirectory();
  const disks = new Map(nodeIds.map((nodeId) => [nodeId, diskOf(directory.path, nodeId)]));
  const diskOfNode = (nodeId: number): ImageDisk => disks.get(nodeId as 1 | 2 | 3)!;
  const loopback = await loopbackPlace(directory.path, nodeIds);
  const place = { ...loopback, dataDir: (nodeId: number) => join(diskOfNode(nodeId).path, 'data') };
  const cluster = await ClusterProcesses.start(place, settings);
  try {
    const { bootstrap } = cluster;
    await using admin = new Admin({ bootstrap, requestTimeoutMs: 60_000 });
    await admin.createTopic({ name: topic, partitions, replicationFactor: 3, configs: { durability } });
    const history = new HistoryFile(join(directory.path, 'history.jsonl'));
    await body({
      cluster,
      load: new RecordedLoad({
        ...{ bootstrap, history, topic, partitions, sendLimitMs, recordsPerSecond },
        evidence: () => cluster.logs,
      }),
      whole: () => cluster.whole(admin, topic),
      cut: async (victims) => {
        for (const nodeId of victims) cluster.pause(nodeId);
        for (const nodeId of victims) diskOfNode(nodeId).cut();
        await Promise.all(victims.map((nodeId) => cluster.end(nodeId, 'SIGKILL')));
        for (const nodeId of victims) diskOfNode(nodeId).restore();
      },
      judge: () => {
        history.close();
        return checkHistoryFile(history.path, { sendLimitMs: sendLimitMs + lateMs, isDurable: durability === 'fsync' });
      },
    });
  } finally {
    await cluster.stop();
    for (const disk of disks.values()) disk.close();
  }
}

function diskOf(directory: string, nodeId: number): ImageDisk {
  const disk = ImageDisk.open(directory, `disk-${nodeId}`, diskMiB);
  if (disk instanceof ImageDisk) return disk;
  throw new Error(disk.reason);
}

/** All log files under a data directory, as one digest. */
function logsUnder(data: string): string {
  const digest = createHash('sha256');
  const files = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'));
  // The metadata log gains records of its own at each start.
  for (const file of files.filter((name) => !name.startsWith('__cluster_metadata')).sort()) {
    digest.update(`${file}\n`).update(readFileSync(join(data, file)));
  }
  return digest.digest('hex');
}
