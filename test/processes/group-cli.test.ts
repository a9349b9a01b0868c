/** The group commands against a real node: JSON shapes, exit codes, and what a group with a member says of itself. */
import { ClusterClient } from '@millrace/client';
import { consumerGroupHeartbeatApi, offsetCommitApi } from '@millrace/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Finished, type NodeProcess, runMillrace, startNode, temporaryDirectory } from './node-process.js';

const directory = temporaryDirectory();
const freePorts = ['--client', '127.0.0.1:0', '--internal', '127.0.0.1:0', '--http', '127.0.0.1:0'];
let node: NodeProcess;

beforeAll(async () => {
  node = await startNode(['--data', directory.path, ...freePorts, '--log-level', 'error']);
  await run(['topic', 'create', 'orders', '--partitions', '2']);
  for (const partition of [0, 1]) {
    const lines = Array.from({ length: 10 }, (_, index) => JSON.stringify({ value: `v${index}`, partition }));
    expect((await run(['produce', 'orders', '--format', 'json'], `${lines.join('\n')}\n`)).code).toBe(0);
  }
});

afterAll(async () => {
  await node.end('SIGTERM');
  directory[Symbol.dispose]();
});

function run(args: readonly string[], input = ''): Promise<Finished> {
  return runMillrace([...args, '--bootstrap', node.ready.client], input);
}

async function json(args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await run([...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

async function failure(args: readonly string[]): Promise<{ code: number | null; reason: string }> {
  const { code, stderr } = await run(args);
  return { code, reason: stderr.trimEnd() };
}

const reset = (to: string, ...more: string[]) => ['group', 'reset-offsets', 'billing', '--to', to, ...more];
const row = (partition: number, before: number | null, after: number) => ({
  topic: 'orders',
  partition,
  before,
  after,
});

describe('a group without members', () => {
  test('is made by a reset, and moved by offset, shift, time and to either end, always within the partition', async () => {
    expect(await json(['group', 'list'])).toEqual([]);
    expect(await json(reset('5', '--topic', 'orders', '--dry-run'))).toEqual([row(0, null, 5), row(1, null, 5)]);
    expect(await json(['group', 'list'])).toEqual([]);
    expect(await json(reset('5', '--topic', 'orders', '--yes'))).toEqual([row(0, null, 5), row(1, null, 5)]);
    expect(await json(['group', 'list'])).toEqual([{ group: 'billing', state: 'empty', members: 0 }]);
    expect(await json(reset('by:-2', '--topic', 'orders:1', '--yes'))).toEqual([row(1, 5, 3)]);
    expect(await json(reset('by:+100', '--dry-run'))).toEqual([row(0, 5, 10), row(1, 3, 10)]);
    expect(await json(reset('by:-100', '--dry-run'))).toEqual([row(0, 5, 0), row(1, 3, 0)]);
    expect(await json(reset('2020-01-01T00:00:00Z', '--dry-run'))).toEqual([row(0, 5, 0), row(1, 3, 0)]);
    expect(await json(reset('2999-01-01T00:00:00Z', '--dry-run'))).toEqual([row(0, 5, 10), row(1, 3, 10)]);
    expect(await json(reset('beginning', '--yes'))).toEqual([row(0, 5, 0), row(1, 3, 0)]);
    expect(await json(reset('end', '--topic', 'orders:0', '--yes'))).toEqual([row(0, 0, 10)]);
  });

  test('is described with its lag in records and in seconds', async () => {
    const described = (await json(['group', 'describe', 'billing'])) as { offsets: { lagSeconds: number }[] };
    expect(described).toMatchObject({
      group: 'billing',
      state: 'empty',
      epoch: 0,
      assignor: 'uniform',
      members: [],
      rebalances: [],
      offsets: [
        { topic: 'orders', partition: 0, committed: 10, end: 10, lag: 0, lagSeconds: 0 },
        { topic: 'orders', partition: 1, committed: 0, end: 10, lag: 10 },
      ],
    });
    expect(described.offsets[1]?.lagSeconds).toBeGreaterThan(0);
    expect(described.offsets[1]?.lagSeconds).toBeLessThan(600);
    const { stdout } = await run(['group', 'describe', 'billing']);
    expect(stdout).toContain('billing: empty');
    expect(stdout).toMatch(/orders-1 +0 +10 +10/);
  });

  test('is deleted, and then there is none', async () => {
    expect(await json(['group', 'delete', 'billing'])).toEqual({ group: 'billing', deleted: true });
    expect(await json(['group', 'list'])).toEqual([]);
    for (const command of ['describe', 'delete']) {
      const { code, reason } = await failure(['group', command, 'billing']);
      expect({ code, reason }).toEqual({ code: 1, reason: expect.stringContaining('GROUP_ID_NOT_FOUND') as string });
    }
  });
});

test('what makes no sense is bad usage', async () => {
  expect((await failure(reset('5', '--topic', 'orders'))).code).toBe(2);
  expect((await failure(reset('yesterday', '--yes'))).code).toBe(2);
  expect((await failure(reset('by:x', '--yes'))).code).toBe(2);
  expect((await failure(['group', 'reset-offsets', 'billing', '--yes'])).code).toBe(2);
});

test('topics that do not exist cannot be reset', async () => {
  const { code, reason } = await failure(reset('end', '--topic', 'missing', '--yes'));
  expect({ code, reason }).toEqual({
    code: 1,
    reason: expect.stringContaining('UNKNOWN_TOPIC_OR_PARTITION') as string,
  });
});

test('a group with a member shows it, and keeps its offsets from operators', async () => {
  await using client = new ClusterClient({ bootstrap: node.ready.client });
  const target = { coordinator: { type: 'group' as const, key: 'live' } };
  const said = {
    group: 'live',
    memberId: 'member-1',
    clientId: 'test',
    instanceId: null,
    rackId: null,
    maxWaitMs: 0,
    rebalanceTimeoutMs: 60_000,
    subscribedTopics: ['orders'],
    subscribedPattern: '',
    assignor: 'range',
    ownedPartitions: [],
  };
  const { body } = await client.call(target, consumerGroupHeartbeatApi, { ...said, memberEpoch: 0 });
  const topicId = body.assignment?.[0]?.topicId ?? '';
  expect(body).toMatchObject({ memberEpoch: 1, assignment: [{ topic: 'orders', partitions: [0, 1] }] });
  await client.call(target, offsetCommitApi, {
    group: 'live',
    memberId: 'member-1',
    memberEpoch: 1,
    instanceId: null,
    allowRewind: false,
    partitions: [{ topicId, partition: 1, offset: 4, leaderEpoch: 0, metadata: 'note' }],
  });
  expect(await json(['group', 'list'])).toContainEqual({ group: 'live', state: 'stable', members: 1 });
  expect(await json(['group', 'describe', 'live'])).toMatchObject({
    group: 'live',
    state: 'stable',
    epoch: 1,
    assignor: 'range',
    members: [
      {
        memberId: 'member-1',
        clientId: 'test',
        host: '127.0.0.1',
        epoch: 1,
        state: 'stable',
        assignment: [{ topic: 'orders', partitions: [0, 1] }],
      },
    ],
    offsets: [
      { topic: 'orders', partition: 0, committed: null, end: 10, lag: null, lagSeconds: null },
      { topic: 'orders', partition: 1, committed: 4, end: 10, lag: 6, metadata: 'note' },
    ],
    rebalances: [{ epoch: 1, trigger: 'member-joined', memberId: 'member-1', movedPartitions: 2 }],
  });
  const commands = [
    ['group', 'delete', 'live'],
    ['group', 'reset-offsets', 'live', '--to', 'end', '--yes'],
  ];
  for (const command of commands) {
    const { code, reason } = await failure(command);
    expect({ code, reason }).toEqual({ code: 1, reason: expect.stringContaining('NON_EMPTY_GROUP') as string });
  }
  await client.call(target, consumerGroupHeartbeatApi, { ...said, memberEpoch: -1 });
  expect(await json(['group', 'delete', 'live'])).toEqual({ group: 'live', deleted: true });
});
