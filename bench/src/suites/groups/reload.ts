/** A node is killed that keeps the offsets of very many groups: how soon after its start it tells them again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillraceError } from '@millrace/base';
import { ClusterClient } from '@millrace/client';
import { errorFromWire, offsetCommitApi, offsetFetchApi } from '@millrace/protocol';
import { Admin } from 'millrace';
import { removeDataDir, startMillrace, temporaryDataDir } from '../../nodes/millrace-node.js';
import { type Spread, spread } from '../../report/statistics.js';
import { defineSuite, type Scale } from '../../suite.js';

interface ReloadFigures {
  readonly groups: number;
  /** From the start of the process. */
  readonly readyMs: Spread;
  /** From the start of the process until groups of all partitions of the coordinator have got their offsets. */
  readonly answeredMs: Spread;
  /** The same of a node that keeps one group. */
  readonly emptyAnsweredMs: Spread;
}

interface Kept {
  readonly dataDir: string;
  readonly topicId: string;
  readonly groups: number;
}

const topic = 'reload';
const commitsAtOnce = 1000;
/** Enough that each partition of the coordinator has some: it is the last of them that ends the time. */
const groupsAsked = 256;
const retryMs = 5;
const giveUpMs = 120_000;

async function measure({ rounds, pick }: Scale): Promise<ReloadFigures> {
  const groups = pick(20_000, 100_000);
  const many = await restarts(groups, rounds);
  const one = await restarts(1, rounds);
  return {
    groups,
    readyMs: spread(many.map(({ readyMs }) => readyMs)),
    answeredMs: spread(many.map(({ answeredMs }) => answeredMs)),
    emptyAnsweredMs: spread(one.map(({ answeredMs }) => answeredMs)),
  };
}

async function restarts(groups: number, rounds: number) {
  const dataDir = temporaryDataDir();
  try {
    const kept = { dataDir, groups, topicId: await commitAll(dataDir, groups) };
    const times: Awaited<ReturnType<typeof restart>>[] = [];
    for (let round = 0; round < rounds; round += 1) times.push(await restart(kept));
    return times;
  } finally {
    removeDataDir(dataDir);
  }
}

async function commitAll(dataDir: string, groups: number): Promise<string> {
  await using node = await startMillrace({ dataDir });
  await using admin = new Admin({ bootstrap: node.bootstrap });
  await admin.createTopic({ name: topic, partitions: 1 });
  await using client = new ClusterClient({ bootstrap: node.bootstrap });
  const { topicId } = await client.topic(topic);
  // The first makes the coordinator's topic, and waits for each of its partitions.
  for (let group = 0; group < Math.min(groups, groupsAsked); group += 1) {
    await untilAnswered(() => commit(client, topicId, group));
  }
  for (let from = groupsAsked; from < groups; from += commitsAtOnce) {
    const count = Math.min(commitsAtOnce, groups - from);
    await Promise.all(Array.from({ length: count }, (_, index) => commit(client, topicId, from + index)));
  }
  await node.kill();
  return topicId;
}

async function restart({ dataDir, topicId, groups }: Kept) {
  const startedMs = performance.now();
  await using node = await startMillrace({ dataDir });
  await using client = new ClusterClient({ bootstrap: node.bootstrap });
  const asked = Array.from({ length: Math.min(groups, groupsAsked) }, (_, index) => index);
  await Promise.all(asked.map((group) => untilAnswered(() => fetch(client, topicId, group))));
  const answeredMs = performance.now() - startedMs;
  await node.kill();
  return { readyMs: node.readyMs, answeredMs };
}

const coordinatorOf = (group: string) => ({ coordinator: { type: 'group' as const, key: group } });
const groupName = (group: number): string => `group-${group}`;
const offsetOf = (group: number): number => group + 1;

async function commit(client: ClusterClient, topicId: string, index: number): Promise<void> {
  const group = groupName(index);
  const entry = { topicId, partition: 0, offset: offsetOf(index), leaderEpoch: -1, metadata: null };
  const noMember = { memberId: '', memberEpoch: -1, instanceId: null };
  const request = { group, ...noMember, allowRewind: true, partitions: [entry] };
  const { body } = await client.call(coordinatorOf(group), offsetCommitApi, request);
  throwIfFailed(body.partitions[0], `Committing for ${group}`);
}

async function fetch(client: ClusterClient, topicId: string, index: number): Promise<void> {
  const group = groupName(index);
  const noMember = { memberId: '', memberEpoch: -1, requireStable: false };
  const request = { group, ...noMember, partitions: [{ topicId, partition: 0 }] };
  const { body } = await client.call(coordinatorOf(group), offsetFetchApi, request);
  const [answer] = body.partitions;
  throwIfFailed(answer, `Fetching the offset of ${group}`);
  if (answer?.offset !== offsetOf(index)) {
    throw new Error(`${group} committed ${offsetOf(index)}, and after the restart it has ${answer?.offset}`);
  }
}

function throwIfFailed(answer: Parameters<typeof errorFromWire>[0] | undefined, what: string): void {
  const error = answer === undefined ? new Error(`${what} was answered with nothing`) : errorFromWire(answer, what);
  if (error !== undefined) throw error;
}

/** Asked again at once: how long a client would wait before that is not what is measured. */
async function untilAnswered(ask: () => Promise<void>): Promise<void> {
  for (const deadlineMs = performance.now() + giveUpMs; ; await sleep(retryMs)) {
    try {
      await ask();
      return;
    } catch (error) {
      const mayPass = error instanceof MillraceError && error.retriable;
      if (!mayPass || performance.now() > deadlineMs) throw error;
    }
  }
}

export const groupReload = defineSuite<ReloadFigures>({
  name: 'group-reload',
  title: 'Reload of a coordinator',
  measure,
  present: ({ groups, readyMs, answeredMs, emptyAnsweredMs }) => {
    const count = groups.toLocaleString('en-US');
    return {
      figures: [
        { name: `offsets of ${count} groups: start to ready`, value: readyMs, unit: 'ms' },
        { name: `offsets of ${count} groups: start to all told again`, value: answeredMs, unit: 'ms' },
        { name: 'offset of one group: start to told again', value: emptyAnsweredMs, unit: 'ms' },
      ],
      notes: `A node after kill -9, from the start of its process until ${groupsAsked} groups, some in each of the partitions of the
coordinator, have been told what they committed. While it reads its log the coordinator answers that it is loading, and is asked
again after ${retryMs} ms.`,
    };
  },
});
