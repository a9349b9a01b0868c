/** Every command a single node serves, run as a person or a script would: exit codes, JSON shapes, one-line reasons. */
import { appendFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type Finished,
  interruptMillrace,
  type NodeProcess,
  runMillrace,
  startNode,
  temporaryDirectory,
} from './node-process.js';

const directory = temporaryDirectory();
const freePorts = [
  '--client',
  '127.0.0.1:0',
  '--internal',
  '127.0.0.1:0',
  '--http',
  '127.0.0.1:0',
  '--log-level',
  'error',
];
let node: NodeProcess;

beforeAll(async () => {
  node = await startNode(['--data', directory.path, ...freePorts]);
});

afterAll(async () => {
  await node.end('SIGTERM');
  directory[Symbol.dispose]();
});

function run(args: readonly string[], input: string | Buffer = ''): Promise<Finished> {
  return runMillrace([...args, '--bootstrap', node.ready.client], input);
}

async function json<Result>(args: readonly string[], input: string | Buffer = ''): Promise<Result> {
  const { code, stdout, stderr } = await run([...args, '--json'], input);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Result;
}

async function jsonLines<Line>(args: readonly string[]): Promise<Line[]> {
  const { code, stdout, stderr } = await run([...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

async function failure(args: readonly string[], input = ''): Promise<{ code: number | null; reason: string }> {
  const { code, stderr } = await run(args, input);
  return { code, reason: stderr.trimEnd() };
}

interface ConsumedLine {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly key: unknown;
  readonly value: unknown;
  readonly headers: Readonly<Record<string, unknown>>;
}

test('server prints one line when it serves, with the addresses it really has', () => {
  expect(node.ready).toMatchObject({ event: 'ready', nodeId: 1, pid: node.child.pid });
  expect(node.ready.client).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect(node.ready.http).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect(node.ready.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/);
});

describe('topic', () => {
  test('create, list, describe, alter, delete', async () => {
    const created = await json<{ topicId: string }>([
      'topic',
      'create',
      'orders',
      '--partitions',
      '2',
      '--config',
      'retention.ms=60000',
    ]);
    expect(created).toMatchObject({
      name: 'orders',
      partitions: 2,
      replicationFactor: 1,
      configs: { 'retention.ms': { value: '60000', source: 'topic' } },
    });

    expect(await json(['topic', 'list'])).toEqual([
      { name: 'orders', topicId: created.topicId, partitions: 2, replicationFactor: 1 },
    ]);

    const described = await json(['topic', 'describe', 'orders']);
    const partition = {
      leader: 1,
      leaderEpoch: 0,
      replicas: [1],
      isr: [1],
      elr: [],
      logStartOffset: 0,
      highWatermark: 0,
      sizeBytes: 0,
    };
    expect(described).toMatchObject({
      name: 'orders',
      topicId: created.topicId,
      configs: {
        'retention.ms': { value: '60000', source: 'topic' },
        'cleanup.policy': { value: 'delete', source: 'default' },
      },
      partitions: [
        { ...partition, partition: 0 },
        { ...partition, partition: 1 },
      ],
    });

    const altered = await json<{ partitions: unknown[] }>([
      'topic',
      'alter',
      'orders',
      '--partitions',
      '3',
      '--config',
      'max.message.bytes=2000',
      '--delete-config',
      'retention.ms',
    ]);
    expect(altered).toMatchObject({
      configs: { 'max.message.bytes': { value: '2000', source: 'topic' }, 'retention.ms': { source: 'default' } },
    });
    expect(altered.partitions).toHaveLength(3);

    expect(await json(['topic', 'delete', 'orders', '--yes'])).toEqual({ name: 'orders', deleted: true });
    expect(await json(['topic', 'list'])).toEqual([]);
  });

  test('tables for people hold the same', async () => {
    await json(['topic', 'create', 'people']);
    expect((await run(['topic', 'list'])).stdout).toMatch(
      /^NAME +PARTITIONS +REPLICATION +ID\npeople +1 +1 +\S{22}\n$/,
    );
    expect((await run(['topic', 'describe', 'people'])).stdout).toMatch(
      /PARTITION +LEADER[\s\S]*cleanup\.policy +delete +default/,
    );
    await json(['topic', 'delete', 'people', '--yes']);
  });

  test('refusals name the error, the thing and what to do', async () => {
    await json(['topic', 'create', 'taken']);
    expect(await failure(['topic', 'create', 'taken'])).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/^millrace: TOPIC_ALREADY_EXISTS: .*taken/) as string,
    });
    expect(await failure(['topic', 'create', 'a b'])).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/^millrace: INVALID_TOPIC_EXCEPTION: /) as string,
    });
    expect(await failure(['topic', 'create', '../x'])).toMatchObject({
      code: 1,
      reason: expect.stringContaining('INVALID_TOPIC_EXCEPTION') as string,
    });
    expect(await failure(['topic', 'create', 'wide', '--replication-factor', '3'])).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/INVALID_REPLICATION_FACTOR: .*3/) as string,
    });
    expect(await failure(['topic', 'create', 'odd', '--config', 'retention.mss=1'])).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/INVALID_CONFIG: .*retention\.mss/) as string,
    });
    expect(await failure(['topic', 'create', 'odd', '--config', 'retention.ms=soon'])).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/INVALID_CONFIG: .*soon/) as string,
    });
    expect(await failure(['topic', 'describe', 'absent'])).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/^millrace: UNKNOWN_TOPIC_OR_PARTITION: .*absent/) as string,
    });
    expect(await failure(['topic', 'delete', 'absent', '--yes'])).toMatchObject({
      code: 1,
      reason: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') as string,
    });
    expect(await failure(['topic', 'alter', 'taken', '--partitions', '1'])).toMatchObject({
      code: 1,
      reason: expect.stringContaining('INVALID_PARTITIONS') as string,
    });
    await json(['topic', 'delete', 'taken', '--yes']);
  });

  test('bad usage is exit code 2', async () => {
    expect((await failure(['topic', 'delete', 'x'])).code).toBe(2);
    expect((await failure(['topic', 'alter', 'x'])).code).toBe(2);
    expect((await failure(['topic', 'create', 'x', '--partitions', 'many'])).code).toBe(2);
    expect((await failure(['topic', 'create'])).code).toBe(2);
    expect((await failure(['topik'])).code).toBe(2);
    expect((await failure(['topic', 'create', 'x', '--no-such-flag'])).code).toBe(2);
  });
});

describe('produce and consume', () => {
  test('lines go in as values and come out in order', async () => {
    expect(await json(['produce', 'lines'], 'one\ntwo\n\nthree')).toMatchObject({
      records: 4,
      acknowledged: 4,
      failed: 0,
      bytes: 11,
      partitions: { '0': { first: 0, last: 3 } },
    });
    const { stdout } = await run(['consume', 'lines', '--from', 'beginning', '--max-records', '4']);
    expect(stdout).toBe('one\ntwo\n\nthree\n');
  });

  test('JSON records keep key, headers, partition and timestamp; bytes that are no text come out as base64', async () => {
    await json(['topic', 'create', 'json', '--partitions', '2']);
    const timestamp = Date.now() - 1000;
    const input = [
      JSON.stringify({ key: 'k', value: { a: 1 }, headers: { h: 'v', empty: null }, partition: 1, timestamp }),
      JSON.stringify({ key: null, value: 'text', partition: 1 }),
    ].join('\n');
    expect(await json(['produce', 'json', '--format', 'json'], input)).toMatchObject({
      acknowledged: 2,
      partitions: { '1': { first: 0, last: 1 } },
    });
    await json(['produce', 'json', '--key-field', 'user'], '{"user":"ada"}\n{"user":"ada"}\n');
    await json(['topic', 'create', 'binary']);
    await json(['produce', 'binary'], Buffer.from([0xff, 0xfe, 0x0a]));

    const [first, second] = await jsonLines<ConsumedLine>([
      'consume',
      'json',
      '--partition',
      '1',
      '--from',
      'beginning',
      '--max-records',
      '2',
    ]);
    expect(first).toEqual({
      topic: 'json',
      partition: 1,
      offset: 0,
      timestamp,
      key: 'k',
      value: '{"a":1}',
      headers: { h: 'v', empty: null },
    });
    expect(second).toMatchObject({ offset: 1, key: null, value: 'text', headers: {} });
    const keyed = await jsonLines<ConsumedLine>(['consume', 'json', '--from', 'beginning', '--max-records', '4']);
    expect(keyed.filter(({ key }) => key === 'ada').map(({ value }) => value)).toEqual([
      '{"user":"ada"}',
      '{"user":"ada"}',
    ]);
    const [binary] = await jsonLines<ConsumedLine>(['consume', 'binary', '--from', 'beginning', '--max-records', '1']);
    expect(binary?.value).toEqual({ base64: '//4=' });
  });

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'])('compression %s', async (compression) => {
    const topic = `packed-${compression}`;
    const input = Array.from({ length: 1000 }, (_, index) => `line ${index}`).join('\n');
    expect(await json(['produce', topic, '--compression', compression], input)).toMatchObject({ acknowledged: 1000 });
    const { stdout } = await run(['consume', topic, '--from', 'beginning', '--max-records', '1000']);
    expect(stdout).toBe(`${input}\n`);
  });

  test.each(['all', '1', '0'])('acks %s', async (acks) => {
    const topic = `acks-${acks}`;
    await json(['topic', 'create', topic]);
    expect(await json(['produce', topic, '--acks', acks], 'a\nb\n')).toMatchObject({ records: 2, failed: 0 });
    expect((await run(['consume', topic, '--from', 'beginning', '--max-records', '2'])).stdout).toBe('a\nb\n');
  });

  test('with a transactional id records are written in transactions, of which the failed one is not read', async () => {
    await json(['topic', 'create', 'whole', '--config', 'max.message.bytes=2000']);
    const flags = ['whole', '--transactional-id', 'writer', '--transaction-records', '3'];
    expect(await json(['produce', ...flags], 'a\nb\nc\nd')).toMatchObject({
      records: 4,
      acknowledged: 4,
      failed: 0,
      // The mark of the first transaction has an offset too.
      partitions: { '0': { first: 0, last: 4 } },
    });
    const broken = await run(['produce', ...flags, '--json'], `e\nf\ng\nh\n${'x'.repeat(5000)}\ni\n`);
    expect(broken).toMatchObject({ code: 1, stderr: expect.stringContaining('MESSAGE_TOO_LARGE') as string });
    expect(JSON.parse(broken.stdout)).toMatchObject({ acknowledged: 3 });
    const read = async (isolation: string): Promise<string> =>
      (await run(['consume', 'whole', '--from', 'beginning', '--idle-ms', '500', '--isolation', isolation])).stdout;
    expect(await read('read-committed')).toBe('a\nb\nc\nd\ne\nf\ng\n');
    expect(await read('read-uncommitted')).toMatch(/^a\nb\nc\nd\ne\nf\ng\n/);
    expect((await failure(['produce', 'whole', '--transactional-id', 'w', '--acks', '1'])).code).toBe(2);
    expect((await failure(['produce', 'whole', '--transaction-records', '3'])).code).toBe(2);
  });

  test('reading starts at an offset, a time or the end, and stops when nothing comes', async () => {
    await json(
      ['produce', 'starts', '--format', 'json'],
      [1, 2, 3].map((n) => JSON.stringify({ value: String(n), timestamp: Date.now() - 10_000 + n * 1000 })).join('\n'),
    );
    const read = async (...flags: string[]): Promise<string> =>
      (await run(['consume', 'starts', '--idle-ms', '700', ...flags])).stdout;
    expect(await read('--from', '1')).toBe('2\n3\n');
    expect(await read('--from', new Date(Date.now() - 3_600_000).toISOString())).toBe('1\n2\n3\n');
    expect(await read('--from', 'end')).toBe('');
    expect(await read()).toBe('');
  });

  test('finding the topic is no silence: a topic or a partition that is not there is an error, however short the wait', async () => {
    await json(['topic', 'create', 'short', '--partitions', '2']);
    for (const [topic, ...flags] of [['short', '--partition', '9'], ['no-such-topic']]) {
      expect(await run(['consume', topic ?? '', '--idle-ms', '1', ...flags])).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') as string,
      });
    }
  });

  test('a consumer that waits gets what comes', async () => {
    await json(['topic', 'create', 'live']);
    const waiting = run(['consume', 'live', '--from', 'beginning', '--max-records', '1', '--json']);
    await json(['produce', 'live'], 'hello\n');
    const { code, stdout } = await waiting;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ value: 'hello' });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends a waiting command cleanly', async (signal) => {
    await json(['topic', 'create', `ended-by-${signal.toLowerCase()}`]);
    const args = ['consume', `ended-by-${signal.toLowerCase()}`, '--bootstrap', node.ready.client];
    expect(await interruptMillrace(args, signal)).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(await interruptMillrace(['produce', 'never-fed', '--bootstrap', node.ready.client], signal)).toMatchObject({
      code: 0,
    });
  });

  test('what cannot be written makes the exit code 1 and says why', async () => {
    await json(['topic', 'create', 'small', '--config', 'max.message.bytes=500']);
    const big = await run(['produce', 'small', '--json'], `${'x'.repeat(1000)}\n`);
    expect(big.code).toBe(1);
    expect(JSON.parse(big.stdout)).toMatchObject({ records: 1, acknowledged: 0, failed: 1 });
    expect(big.stderr).toMatch(/^millrace: MESSAGE_TOO_LARGE: /);
    expect(await failure(['produce', 'small', '--format', 'json'], 'no json\n')).toMatchObject({
      code: 1,
      reason: expect.stringMatching(/INVALID_RECORD: Line 1 is not JSON/) as string,
    });
    expect(await failure(['produce', 'a/b'], 'x\n')).toMatchObject({
      code: 1,
      reason: expect.stringContaining('INVALID_TOPIC_EXCEPTION') as string,
    });
    expect(await failure(['consume', 'absent-topic', '--from', 'beginning', '--timeout-ms', '2000'])).toMatchObject({
      code: 1,
      reason: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') as string,
    });
    expect(await failure(['consume', 'small', '--from', 'yesterday'])).toMatchObject({ code: 2 });
  });
});

describe('cluster, config, completion', () => {
  test('cluster describe', async () => {
    expect(await json(['cluster', 'describe'])).toMatchObject({
      clusterId: node.ready.clusterId,
      controllerId: 1,
      metadataOffset: expect.any(Number) as number,
      nodes: [{ nodeId: 1, roles: ['controller', 'broker'], client: node.ready.client, state: 'active' }],
    });
  });

  test('config reference lists every setting with what it accepts', async () => {
    const { code, stdout } = await runMillrace(['config', 'reference', '--json']);
    expect(code).toBe(0);
    const keys = (JSON.parse(stdout) as { key: string }[]).map(({ key }) => key);
    for (const key of ['retention.ms', 'durability', 'min.insync.replicas', 'node.id', 'auto.create.topics.enable'])
      expect(keys).toContain(key);
    expect((await runMillrace(['config', 'reference'])).stdout).toContain('MILLRACE_RETENTION_MS');
  });

  test.each(['bash', 'zsh', 'fish'])('completion for %s names the program', async (shell) => {
    const { code, stdout } = await runMillrace(['completion', shell]);
    expect(code).toBe(0);
    expect(stdout).toContain('millrace');
  });

  test('no node there: a clear reason, in bounded time', async () => {
    const { code, stderr } = await runMillrace(['topic', 'list', '--bootstrap', '127.0.0.1:1', '--timeout-ms', '1500']);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^millrace: [A-Z_]+: .*127\.0\.0\.1:1/);
  });
});

describe('log dump', () => {
  test('shows batches and records, verifies, and finds the first bad byte', async () => {
    await json(['produce', 'dumped'], 'a\nb\n');
    const partition = join(directory.path, 'dumped-0');
    const dump = await runMillrace(['log', 'dump', partition, '--batches', '--records', '--verify', '--json']);
    expect({ code: dump.code, stderr: dump.stderr }).toEqual({ code: 0, stderr: '' });
    const lines = dump.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.at(-1)).toMatchObject({ records: 2, errors: [] });
    expect(lines.filter(({ kind }) => kind === 'record').map(({ value }) => value)).toEqual(['a', 'b']);

    using copy = temporaryDirectory();
    const log = readdirSync(partition).find((name) => name.endsWith('.log')) ?? '';
    const damaged = join(copy.path, log);
    const bytes = readFileSync(join(partition, log));
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    writeFileSync(damaged, bytes);
    const broken = await runMillrace(['log', 'dump', damaged, '--verify', '--json']);
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.stdout.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ errors: [{ file: damaged }] });
    expect(broken.stderr).toMatch(/^millrace: CORRUPT_LOG: /);
    appendFileSync(damaged, 'garbage');
    expect((await runMillrace(['log', 'dump', damaged])).code).toBe(1);
    expect((await runMillrace(['log', 'dump', join(copy.path, 'nothing')])).code).toBe(1);
  });
});

describe('perf', () => {
  test.each([
    ['produce', '--records', '2000', '--warmup-records', '100'],
    ['produce', '--records', '500', '--rate', '2000', '--payload', 'json', '--producers', '2'],
    ['latency', '--records', '300', '--rate', '1000'],
  ])('%s %s %s', async (kind, ...flags) => {
    const result = await json<Record<string, unknown>>(['perf', kind, ...flags]);
    expect(result).toMatchObject({
      records: Number(flags[1]),
      latencyMs: { p50: expect.any(Number) as number, p999: expect.any(Number) as number },
    });
  });

  test('consume reads a topic that is there, and a report holds machine and settings', async () => {
    using reports = temporaryDirectory();
    const report = join(reports.path, 'report.json');
    await json(['perf', 'produce', '--topic', 'loaded', '--records', '1000', '--report', report]);
    expect(JSON.parse(readFileSync(report, 'utf8'))).toMatchObject({
      kind: 'produce',
      machine: { node: process.version },
      topic: { name: 'loaded', durability: 'fsync' },
      loads: [{ settings: { records: 1000 }, result: { records: 1000 } }],
    });
    expect(await json(['perf', 'consume', '--topic', 'loaded', '--records', '1000'])).toMatchObject({
      records: 1000,
      bytes: 100_000,
    });
    expect((await failure(['perf', 'consume'])).code).toBe(2);
    expect((await failure(['perf', 'latency', '--rate', '0'])).code).toBe(2);
  });
});

describe('a server that cannot start says why in one line', () => {
  test('unknown setting, bad value, address in use, directory in use', async () => {
    using other = temporaryDirectory();
    const start = (...flags: string[]): Promise<Finished> =>
      runMillrace(['server', '--data', other.path, ...freePorts, ...flags]);
    expect(await start('--set', 'retention.mss=1')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/INVALID_CONFIG: .*retention\.mss.*retention\.ms/) as string,
    });
    expect(await start('--set', 'retention.ms=soon')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/INVALID_CONFIG: .*soon.*retention\.ms/s) as string,
    });
    const file = join(other.path, 'millrace.yaml');
    writeFileSync(file, 'log.level: info\nnum.partition: 3\n');
    expect(await start('--config', file)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/INVALID_CONFIG: .*2.*num\.partition.*num\.partitions/s) as string,
    });
    expect(await runMillrace(['server', '--data', directory.path, ...freePorts])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/DATA_DIRECTORY_LOCKED: /) as string,
    });
    expect(
      await runMillrace(['server', '--data', other.path, ...freePorts.slice(2), '--client', node.ready.client]),
    ).toMatchObject({ code: 1, stderr: expect.stringMatching(/EADDRINUSE|in use/) as string });
    const formed = await startNode(['--data', other.path, ...freePorts]);
    expect(await formed.end('SIGTERM')).toBe(0);
    expect(await start('--set', 'cluster.id=AAAAAAAAAAAAAAAAAAAAAA')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/INCONSISTENT_CLUSTER_ID: .*AAAAAAAAAAAAAAAAAAAAAA/s) as string,
    });
  });

  test('a peer that speaks another protocol is told so, and others are unharmed', async () => {
    const { host, port } = splitAddress(node.ready.client);
    const answer = await speak(host, port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(answer).toMatch(/HTTP/);
    await speak(host, port, Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]));
    expect(await json(['topic', 'list'])).toBeInstanceOf(Array);
  });
});

test('health and metrics', async () => {
  const base = `http://${node.ready.http}`;
  expect((await fetch(`${base}/health/live`)).status).toBe(200);
  expect((await fetch(`${base}/health/ready`)).status).toBe(200);
  const metrics = await (await fetch(`${base}/metrics`)).text();
  for (const name of [
    'millrace_requests_total',
    'millrace_request_duration_seconds',
    'millrace_log_sync_seconds',
    'millrace_connections',
    'millrace_event_loop_delay',
    'millrace_log_bytes',
  ])
    expect(metrics).toContain(name);
});

function splitAddress(address: string): { host: string; port: number } {
  const [host = '', port = ''] = address.split(':');
  return { host, port: Number(port) };
}

/** Sends bytes to a port and resolves with what came back until the peer closed. */
async function speak(host: string, port: number, bytes: string | Buffer): Promise<string> {
  const { connect } = await import('node:net');
  const socket = connect({ host, port });
  let answer = '';
  socket.setEncoding('latin1').on('data', (text: string) => (answer += text));
  socket.write(bytes);
  await once(socket, 'close', { signal: AbortSignal.timeout(20_000) });
  return answer;
}

test('a port held by another program is named', async () => {
  using other = temporaryDirectory();
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const { code, stderr } = await runMillrace([
    'server',
    '--data',
    other.path,
    ...freePorts.slice(2),
    '--client',
    `127.0.0.1:${port}`,
  ]);
  expect(code).toBe(1);
  expect(stderr).toContain(String(port));
  server.close();
});
