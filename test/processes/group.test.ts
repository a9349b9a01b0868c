/**
 * Consumers of one group as real processes, which come, leave, are killed and paused under load: every record is read,
 * nobody shares a partition, and only what a kill or a pause cut off is read twice.
 */
import { Admin } from '@millrace/admin';
import { ClusterClient } from '@millrace/client';
import { Producer } from '@millrace/producer';
import { findCoordinatorApi } from '@millrace/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClusterProcesses } from './cluster-processes.js';
import { type MemberProcess, type PrintedRecord, startMember } from './group-member-process.js';
import { type NodeProcess, runMillrace, startNode, temporaryDirectory } from './node-process.js';
import { until } from './pause.js';

const directory = temporaryDirectory();
const settings = ['group.consumer.session.timeout.ms=2000', 'group.consumer.heartbeat.interval.ms=200'];
let node: NodeProcess;
let admin: Admin;

beforeAll(async () => {
  const freePorts = ['--client', '127.0.0.1:0', '--internal', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const set = settings.flatMap((setting) => ['--set', setting]);
  node = await startNode(['--data', directory.path, ...freePorts, '--log-level', 'error', ...set]);
  admin = new Admin({ bootstrap: node.ready.client });
});

afterAll(async () => {
  await admin.close();
  await node.end('SIGTERM');
  directory[Symbol.dispose]();
});

/** A topic under load: values `0`, `1`, ... go round its partitions until it is stopped. */
class Load {
  readonly topic: string;
  readonly #producer: Producer;
  readonly #partitions: number;
  #isStopped = false;
  readonly #running: Promise<void>;
  sent = 0;

  private constructor(bootstrap: string, topic: string, partitions: number) {
    this.topic = topic;
    this.#partitions = partitions;
    this.#producer = new Producer({ bootstrap });
    this.#running = this.#run();
  }

  static async start(bootstrap: string, topic: string, partitions: number): Promise<Load> {
    await using maker = new Admin({ bootstrap });
    await maker.createTopic({ name: topic, partitions });
    return new Load(bootstrap, topic, partitions);
  }

  /** Everything sent is acknowledged when it resolves. Stopping twice does nothing more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
    await this.#producer.close();
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const records = Array.from({ length: 20 }, (_, index) => ({
        partition: (this.sent + index) % this.#partitions,
        value: String(this.sent + index),
      }));
      await this.#producer.sendBatch({ topic: this.topic, records });
      this.sent += records.length;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** How often each value was read by all of them together. */
function timesRead(members: readonly MemberProcess[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { records } of members) {
    for (const { value } of records) times.set(value, (times.get(value) ?? 0) + 1);
  }
  return times;
}

function evidence(members: readonly MemberProcess[], load: Load): string {
  const counts = members.map(({ records, log }) => `${records.length} records, ${log()}`).join('\n');
  return `${timesRead(members).size} of ${load.sent} values were read:\n${counts}`;
}

async function allRead(members: readonly MemberProcess[], load: Load): Promise<void> {
  await until(() => timesRead(members).size >= load.sent, { evidence: () => evidence(members, load) });
}

/** Until the group has so many members that have all partitions among them; no two of them ever have the same one. */
async function shared(
  group: string,
  expected: { readonly members: number; readonly partitions: number },
): Promise<void> {
  let seen = '';
  await until(
    async () => {
      const { members, state } = await admin.describeGroup(group);
      seen = JSON.stringify({ state, members });
      const owned = members.flatMap(({ assignment }) => assignment.flatMap(({ partitions }) => partitions));
      expect(new Set(owned).size, seen).toBe(owned.length);
      return state === 'stable' && members.length === expected.members && owned.length === expected.partitions;
    },
    { evidence: () => seen },
  );
}

function expectInOrder(records: readonly PrintedRecord[]): void {
  const last = new Map<number, number>();
  for (const { partition, offset } of records) {
    expect(offset).toBeGreaterThan(last.get(partition) ?? -1);
    last.set(partition, offset);
  }
}

async function nobody(members: readonly MemberProcess[]): Promise<void> {
  for (const { child, end } of members) {
    if (child.exitCode === null && child.signalCode === null) await end('SIGKILL');
  }
}

test('members that come and leave read every record once between them', async () => {
  const load = await Load.start(node.ready.client, 'calm', 4);
  const args = ['--bootstrap', node.ready.client, '--group', 'calm'];
  const members = [startMember('calm', args)];
  try {
    await until(() => (members[0]?.records.length ?? 0) > 100, { evidence: () => evidence(members, load) });
    members.push(startMember('calm', args));
    await shared('calm', { members: 2, partitions: 4 });
    members.push(startMember('calm', args));
    await shared('calm', { members: 3, partitions: 4 });
    const [first, second, third] = members as [MemberProcess, MemberProcess, MemberProcess];
    expect(await second.end('SIGINT'), second.log()).toBe(0);
    await shared('calm', { members: 2, partitions: 4 });
    expect(await first.end('SIGTERM'), first.log()).toBe(0);
    await shared('calm', { members: 1, partitions: 4 });
    await load.stop();
    await allRead(members, load);
    expect(await third.end('SIGINT'), third.log()).toBe(0);
    for (const { records } of members) expectInOrder(records);
    expect([...timesRead(members)].filter(([, times]) => times > 1)).toEqual([]);
    for (const { records } of members) expect(records.length).toBeGreaterThan(0);
    // Whoever comes next goes on from what was committed: there is nothing left.
    const rest = await runMillrace(['consume', 'calm', '--from', 'beginning', '--idle-ms', '500', ...args]);
    expect(rest).toEqual({ code: 0, stdout: '', stderr: '' });
  } finally {
    await load.stop();
    await nobody(members);
  }
}, 120_000);

test('members that are killed or paused lose nothing, and only what they had in hand is read twice', async () => {
  const load = await Load.start(node.ready.client, 'rough', 4);
  const args = ['--bootstrap', node.ready.client, '--group', 'rough'];
  const members = [1, 2, 3].map(() => startMember('rough', args));
  try {
    await until(() => timesRead(members).size > 0, { evidence: () => evidence(members, load) });
    await shared('rough', { members: 3, partitions: 4 });
    const [killed, paused] = members as [MemberProcess, MemberProcess];
    await until(() => killed.records.length > 50 && paused.records.length > 50, {
      evidence: () => evidence(members, load),
    });
    await killed.end('SIGKILL');
    await shared('rough', { members: 2, partitions: 4 });
    paused.child.kill('SIGSTOP');
    await shared('rough', { members: 1, partitions: 4 });
    paused.child.kill('SIGCONT');
    await shared('rough', { members: 2, partitions: 4 });
    await load.stop();
    await allRead(members, load);
    const repeated = [...timesRead(members)].filter(([, times]) => times > 1).length;
    expect(repeated).toBeLessThan(load.sent / 2);
  } finally {
    await load.stop();
    await nobody(members);
  }
}, 120_000);

test('--max-records commits what it printed, in the middle of a batch too, and --no-commit nothing', async () => {
  await admin.createTopic({ name: 'counted', partitions: 1 });
  await using producer = new Producer({ bootstrap: node.ready.client });
  await producer.sendBatch({
    topic: 'counted',
    records: Array.from({ length: 10 }, (_, index) => ({ value: `v${index}` })),
  });
  const consume = async (...more: string[]): Promise<string> => {
    const args = ['consume', 'counted', '--bootstrap', node.ready.client, '--group', 'counted', '--from', 'beginning'];
    const { code, stdout, stderr } = await runMillrace([...args, ...more]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return stdout;
  };
  expect(await consume('--max-records', '3')).toBe('v0\nv1\nv2\n');
  expect(await consume('--max-records', '2', '--no-commit')).toBe('v3\nv4\n');
  expect(await consume('--max-records', '2')).toBe('v3\nv4\n');
  expect(await consume('--idle-ms', '500')).toBe('v5\nv6\nv7\nv8\nv9\n');
  expect(await consume('--idle-ms', '500')).toBe('');
}, 60_000);

test('a group goes on when the node that coordinates it is killed', async () => {
  using place = temporaryDirectory();
  const cluster = await ClusterProcesses.start(place.path, settings);
  const members: MemberProcess[] = [];
  try {
    const load = await Load.start(cluster.bootstrap, 'moved', 3);
    members.push(...[1, 2].map(() => startMember('moved', ['--bootstrap', cluster.bootstrap, '--group', 'moved'])));
    await until(() => members.every(({ records }) => records.length > 50), {
      evidence: () => `${evidence(members, load)}\n${cluster.logs}`,
    });
    await cluster.end(await coordinatorOf(cluster.bootstrap, 'moved'), 'SIGKILL');
    const before = members.map(({ records }) => records.length);
    await until(() => members.every(({ records }, index) => records.length > (before[index] ?? 0) + 100), {
      evidence: () => `${evidence(members, load)}\n${cluster.logs}`,
    });
    await load.stop();
    await allRead(members, load);
    for (const member of members) expect(await member.end('SIGINT'), member.log()).toBe(0);
  } finally {
    await nobody(members);
    await cluster.stop('SIGKILL');
  }
}, 120_000);

async function coordinatorOf(bootstrap: string, group: string): Promise<number> {
  await using client = new ClusterClient({ bootstrap });
  const { body } = await client.call('any', findCoordinatorApi, { keyType: 'group', keys: [group] });
  const nodeId = body.coordinators[0]?.nodeId ?? -1;
  if (nodeId < 0) throw new Error(`group ${group} has no coordinator`);
  return nodeId;
}
