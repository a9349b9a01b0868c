/**
 * What docs/operations.md tells people to do, done: the files under docs/deploy start a node as they are written, a dead
 * node is replaced, and the metrics that it names are there.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Admin } from '@millrace/admin';
import { describe, test } from 'vitest';
import { ClusterProcesses } from './cluster-processes.js';
import { checkHistoryFile } from './history/check-history-file.js';
import { HistoryFile } from './history/history-file.js';
import { RecordedLoad } from './history/recorded-load.js';
import { runMillrace, startNode, temporaryDirectory } from './node-process.js';
import { until } from './pause.js';
import { freePorts } from './rig/free-ports.js';

const file = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const unit = 'docs/deploy/millrace.service';
const topic = 'ledger';

describe.concurrent('operations', () => {
  test('the command of the unit and of the container starts a node with the settings that stand beside them', async ({
    expect,
  }) => {
    const [, command = ''] = /^ExecStart=(.*)$/m.exec(file(unit)) ?? [];
    const words = command.split(' ');
    expect(words.slice(0, 4)).toEqual(['/usr/bin/env', 'node', 'packages/cli/bin/millrace.js', 'server']);
    const container = file('docs/deploy/Containerfile');
    const list = (key: string): string[] =>
      JSON.parse(new RegExp(`^${key} (.*)$`, 'm').exec(container)?.[1] ?? '[]') as string[];
    expect([...list('ENTRYPOINT'), ...list('CMD')]).toEqual(words.slice(1));

    // As written but for what is another machine's: addresses, paths, and the two nodes that are not here.
    using directory = temporaryDirectory();
    const [client, internal] = await freePorts(2);
    const settings = join(directory.path, 'millrace.yaml');
    writeFileSync(
      settings,
      file('docs/deploy/millrace.yaml')
        .replace(/^controller\.quorum\.voters: .*$/m, `controller.quorum.voters: 1@127.0.0.1:${internal}`)
        .replace('/var/lib/millrace', join(directory.path, 'data'))
        .replace('10.0.0.1:7400', `127.0.0.1:${client}`)
        .replace('10.0.0.1:7401', `127.0.0.1:${internal}`)
        .replace('10.0.0.1:7480', '127.0.0.1:0'),
    );
    const args = words.slice(4).map((word) => (word === '/etc/millrace/millrace.yaml' ? settings : word));
    const node = await startNode(args);
    expect(node.ready).toMatchObject({ nodeId: 1, client: `127.0.0.1:${client}` });
    expect(await node.end('SIGTERM')).toBe(0);
  });

  const analyze = spawnSync('systemd-analyze', ['--version']);
  test.skipIf(analyze.status !== 0)(
    `${analyze.status === 0 ? '' : 'SKIP(no systemd-analyze): '}systemd finds nothing wrong with the unit`,
    ({ expect }) => {
      const path = fileURLToPath(new URL(`../../${unit}`, import.meta.url));
      const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
      expect({ status, about: stderr.split('\n').filter((line) => line.includes('millrace.service')) }).toEqual({
        ...{ status: 0, about: [] },
      });
    },
  );

  test('a node that lost its disk is replaced under its number, and nothing acknowledged is lost', async ({
    expect,
  }) => {
    using directory = temporaryDirectory();
    const cluster = await ClusterProcesses.start(directory.path, ['broker.session.timeout.ms=3000']);
    try {
      const { bootstrap } = cluster;
      await using admin = new Admin({ bootstrap, requestTimeoutMs: 60_000 });
      await admin.createTopic({ name: topic, partitions: 3, replicationFactor: 3 });
      const history = new HistoryFile(join(directory.path, 'history.jsonl'));
      const load = new RecordedLoad({ bootstrap, history, topic, partitions: 3, recordsPerSecond: 500 });
      await load.progress();
      const run = async (...words: readonly string[]): Promise<void> => {
        const { code, stderr } = await runMillrace([...words, '--bootstrap', bootstrap]);
        expect({ words, code, stderr }).toEqual({ words, code: 0, stderr: '' });
      };

      await cluster.end(3, 'SIGKILL');
      rmSync(cluster.place.dataDir(3), { recursive: true });
      mkdirSync(cluster.place.dataDir(3));
      await load.progressBeyondFlight();
      await run('cluster', 'remove-voter', '3');
      await cluster.startNode(3);
      await cluster.whole(admin, topic);
      await until(async () => (await admin.describeQuorum()).voters.length === 3, { evidence: () => cluster.logs });

      await load.stop();
      history.close();
      const { violations, acknowledged, sent } = checkHistoryFile(history.path, { sendLimitMs: 120_000 });
      expect(violations).toEqual([]);
      expect(acknowledged).toBe(sent);

      const there = await metricsOf(cluster.place.http(1));
      const named = [...file('docs/operations.md').matchAll(/`(millrace_[a-z_]+)/g)].map(([, name]) => name ?? '');
      expect(named.length).toBeGreaterThan(15);
      expect(named.filter((name) => !there.has(name))).toEqual([]);
    } finally {
      await cluster.stop();
    }
  });
});

async function metricsOf(http: string): Promise<ReadonlySet<string>> {
  const text = await (await fetch(`http://${http}/metrics`)).text();
  return new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name ?? ''));
}
