import { errorCode, MillraceError } from '@millrace/base';
import { nodeEnvironment } from '@millrace/base/node';
import { createTopicsApi } from '@millrace/protocol';
import { recordingLogger } from '@millrace/testkit';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchOf, fetchFrom, produce } from '../../broker/test/node-fixture.js';
import { RawClient } from '../../broker/test/raw-client.js';
import { createNode } from '../src/create-node.js';
import { loadNodeConfig } from '../src/settings/node-config.js';
import { softwareVersion } from '../src/software-version.js';
import { type MillraceServer, startServer, type StartServerOptions } from '../src/start-server.js';

let dataDir: string;
let servers: MillraceServer[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'millrace-server-'));
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  servers = [];
  rmSync(dataDir, { recursive: true, force: true });
});

async function start(options: Partial<StartServerOptions> = {}): Promise<MillraceServer> {
  const server = await startServer({ dataDir, client: '127.0.0.1:0', ...options });
  servers.push(server);
  return server;
}

async function refusal(options: Partial<StartServerOptions>): Promise<MillraceError> {
  const error: unknown = await start(options).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MillraceError)) throw new Error('the server started', { cause: error });
  expect(error.message).not.toContain('\n');
  return error;
}

function connect(server: MillraceServer): Promise<RawClient> {
  const [host = '', port] = server.bootstrap.split(':');
  return RawClient.open(nodeEnvironment(), { host, port: Number(port) });
}

async function createTopic(client: RawClient, name: string): Promise<string> {
  const topics = [{ name, partitions: 2, replicationFactor: -1, configs: [] }];
  const { body } = await client.call(createTopicsApi, { topics, timeoutMs: 5000, validateOnly: false });
  return body.topics[0]?.topicId ?? '';
}

describe('an embedded server', () => {
  test('serves on a free port, keeps its records over a restart, and marks a clean stop', async () => {
    const first = await start();
    expect(first.bootstrap).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(first.addresses).toEqual({ client: first.bootstrap, internal: undefined, http: undefined });
    const writer = await connect(first);
    const topicId = await createTopic(writer, 'orders');
    const [result] = await produce(writer, [{ topicId, batch: batchOf(['a', 'b']) }]);
    expect(result).toMatchObject({ error: 0, baseOffset: 0 });
    await first.close();
    expect(existsSync(join(dataDir, '.millrace_cleanshutdown'))).toBe(true);

    const second = await start();
    expect(second.clusterId).toBe(first.clusterId);
    const reader = await connect(second);
    const read = await fetchFrom(reader, [{ topicId, offset: 0 }]);
    expect(read.values).toEqual([['a', 'b']]);
  });

  test('closes when its scope ends, and closing again waits for the same end', async () => {
    let bootstrap: string;
    {
      await using server = await startServer({ dataDir, client: '127.0.0.1:0' });
      ({ bootstrap } = server);
      await Promise.all([server.close(), server.close()]);
    }
    const again = await start({ client: bootstrap });
    expect(again.bootstrap).toBe(bootstrap);
  });

  test('a long poll is answered when it closes', async () => {
    const server = await start();
    const client = await connect(server);
    const topicId = await createTopic(client, 'orders');
    const waiting = fetchFrom(client, [{ topicId, offset: 0 }], { maxWaitMs: 60_000 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await server.close();
    expect((await waiting).partitions[0]?.error).toBe(0);
  });

  test('moves megabytes in both directions with many requests under way', async () => {
    const server = await start();
    const client = await connect(server);
    const topicId = await createTopic(client, 'orders');
    const value = 'v'.repeat(100_000);
    const count = 100;
    const produced = await Promise.all(
      Array.from({ length: count }, () => produce(client, [{ topicId, batch: batchOf([value]) }])),
    );
    expect(produced.map(([result]) => result?.baseOffset)).toEqual(Array.from({ length: count }, (_, index) => index));
    const reads = Array.from({ length: count }, (_, offset) =>
      fetchFrom(client, [{ topicId, offset }], { maxBytes: 150_000 }),
    );
    for (const read of await Promise.all(reads)) {
      expect(read.values[0]).toHaveLength(1);
      expect(read.values[0]?.[0] === value).toBe(true);
    }
  });

  test('shows health and metrics when asked to', async () => {
    const server = await start({ http: '127.0.0.1:0' });
    const client = await connect(server);
    const topicId = await createTopic(client, 'orders');
    await produce(client, [{ topicId, batch: batchOf(['a']) }]);
    const base = `http://${server.addresses.http ?? ''}`;
    expect((await fetch(`${base}/health/ready`)).status).toBe(200);
    const text = await (await fetch(`${base}/metrics`)).text();
    for (const line of [
      /^millrace_requests_total\{api="Produce"\} 1$/m,
      /^millrace_request_duration_seconds_count\{api="Produce"\} 1$/m,
      /^millrace_connections\{listener="client"\} 1$/m,
      /^millrace_produced_bytes_total \d+$/m,
      /^millrace_log_bytes \d+$/m,
      /^millrace_partitions 2$/m,
      /^millrace_log_sync_seconds_count \d+$/m,
      /^millrace_event_loop_delay_p99_seconds /m,
      /^millrace_process_resident_memory_bytes \d+$/m,
    ]) {
      expect(text).toMatch(line);
    }
    const names = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
    for (const [, name, kind] of names) {
      expect(name).toMatch(/^millrace_/);
      if (kind === 'counter') expect(name).toMatch(/_total$/);
    }
    // What operators of a cluster watch; docs and alerts name them.
    expect(names.map(([, name]) => name)).toEqual(
      expect.arrayContaining([
        'millrace_under_replicated_partitions',
        'millrace_under_min_isr_partitions',
        'millrace_isr_shrinks_total',
        'millrace_isr_expands_total',
        'millrace_replica_max_lag_records',
        'millrace_replica_lag_records',
        'millrace_broker_fenced',
        'millrace_controller_active',
        'millrace_controller_active_brokers',
        'millrace_controller_fenced_brokers',
        'millrace_controller_offline_partitions',
        'millrace_controller_under_replicated_partitions',
        'millrace_controller_below_min_insync_partitions',
        'millrace_controller_leader_elections_total',
        'millrace_raft_term',
        'millrace_raft_commit_offset',
        'millrace_raft_log_end_offset',
        'millrace_raft_uncommitted_records',
      ]),
    );
    await server.close();
    await expect(fetch(`${base}/health/live`)).rejects.toThrow();
  });

  test('writes what it does to the logger it is given', async () => {
    const logger = recordingLogger();
    const server = await start({ logger });
    await server.close();
    expect(logger.lines.map(({ message }) => message)).toEqual(
      expect.arrayContaining(['broker serves', 'broker stopped']),
    );
    expect(logger.lines.filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('what keeps a server from starting', () => {
  test('a port in use', async () => {
    const other = mkdtempSync(join(tmpdir(), 'millrace-server-'));
    try {
      const { bootstrap } = await start({ dataDir: other });
      const error = await refusal({ client: bootstrap });
      expect(error.code).toBe('ADDRESS_IN_USE');
      expect(error.message).toContain(`${bootstrap} is in use`);
      expect(error.message).toContain('listener.client');
      await Promise.all(servers.splice(0).map((server) => server.close()));
      expect((await start()).nodeId).toBe(1);
    } finally {
      rmSync(other, { recursive: true, force: true });
    }
  });

  test('an address of another machine', async () => {
    const error = await refusal({ client: '192.0.2.1:7400' });
    expect(error.code).toBe('ADDRESS_NOT_AVAILABLE');
    expect(error.message).toContain('192.0.2.1:7400');
  });

  test('a data directory that another server uses', async () => {
    await start();
    const error = await refusal({});
    expect(error.code).toBe('DATA_DIRECTORY_LOCKED');
    expect(error.message).toContain(dataDir);
  });

  test('a data directory of another cluster or another node', async () => {
    const server = await start();
    await server.close();
    const otherCluster = await refusal({ settings: { 'cluster.id': 'AAAAAAAAAAAAAAAAAAAAAA' } });
    expect(otherCluster.code).toBe('INCONSISTENT_CLUSTER_ID');
    expect(otherCluster.message).toContain(server.clusterId);
    const otherNode = await refusal({ nodeId: 2 });
    expect(otherNode.message).toMatch(/node.*1.*2|node.*2.*1/i);
  });

  test('a data directory that is a file', async () => {
    const file = join(dataDir, 'file');
    writeFileSync(file, 'not a directory');
    const error = await refusal({ dataDir: file });
    expect(error.message).toContain(file);
    expect(readFileSync(file, 'utf8')).toBe('not a directory');
  });

  test('a data directory that cannot be written', async () => {
    if (process.getuid?.() === 0) {
      // Root may write anywhere: a directory inside a file is refused to everybody.
      writeFileSync(join(dataDir, 'file'), '');
      expect((await refusal({ dataDir: join(dataDir, 'file', 'data') })).message).toContain('file');
      return;
    }
    chmodSync(dataDir, 0o500);
    try {
      expect((await refusal({})).message).toContain(dataDir);
    } finally {
      chmodSync(dataDir, 0o700);
    }
  });

  test('settings that are wrong, named as the caller wrote them', async () => {
    const error = await start({ settings: { 'num.partitons': 3, 'retention.ms': 'soon' } }).catch(
      (thrown: unknown) => thrown,
    );
    expect(errorCode(error)).toBe('INVALID_CONFIG');
    expect(String(error)).toContain('num.partitons');
    expect(String(error)).toContain('Did you mean num.partitions?');
    expect(String(error)).toContain('retention.ms');
    expect(existsSync(join(dataDir, 'meta.properties'))).toBe(false);
  });

  test('a node that failed to start gives everything back', async () => {
    const { bootstrap } = await start();
    await refusal({});
    await servers.pop()?.close();
    expect((await start({ client: bootstrap })).bootstrap).toBe(bootstrap);
  });
});

test('the version in Hello is that of the package', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(softwareVersion).toBe(manifest.version);
});

test('a node can be made from a configuration alone', async () => {
  const environment = nodeEnvironment();
  const overrides = {
    'data.dir': dataDir,
    'listener.client': '127.0.0.1:0',
    'listener.internal': '127.0.0.1:0',
    'listener.http': '',
  };
  const node = await createNode(await loadNodeConfig({ files: environment.files, overrides }), environment);
  expect(node.internalAddress?.port).toBeGreaterThan(0);
  expect(node.problems).toEqual([]);
  await node.close();
  expect(node.problems).toEqual(['the broker is stopping']);
});
