import { expect, test } from 'vitest';
import type { GroupRecord, GroupRecordValue } from '@millrace/protocol';
import type { GroupPlan } from '../plan/group-plan.js';
import type { TopicPlan } from '../plan/plan.js';
import type { Ownership } from '../workload/group-history.js';
import { History } from '../workload/history.js';
import { auditGroupLogs } from './audit-group-log.js';
import { checkGroups } from './check-groups.js';
import { minimalMoves } from './minimal-moves.js';
import { Marks } from '../report/marks.js';

const topic: TopicPlan = { name: 't', role: 'steady', partitions: 1, replicationFactor: 1, configs: {} };
const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';

function groupOf(delivery: GroupPlan['delivery']): GroupPlan {
  return { name: 'g', topics: ['t'], pattern: '', assignor: 'uniform', delivery, members: [] };
}

function ownership(member: string, fromMs: number, toMs: number, offsets: readonly number[]): Ownership {
  const deliveries = offsets.map((offset) => ({ offset, value: `v${offset}`, readMs: fromMs, processedMs: toMs }));
  return { group: 'g', member, memberId: `id of ${member}`, topic: 't', partition: 0, fromMs, toMs, deliveries };
}

function historyOf(ownerships: readonly Ownership[], committed = 0): History {
  const history = new History();
  history.groups.ownerships.push(...ownerships);
  history.groups.finals.push({ label: 'before the end', group: 'g', topic: 't', partition: 0, offset: committed });
  const records = [0, 1, 2].map((offset) => ({ offset, value: `v${offset}`, timestampMs: 0 }));
  history.drains.push({ label: 'd', topic: 't', partition: 0, startOffset: 0, endOffset: 3, records });
  return history;
}

function invariants(history: History, delivery: GroupPlan['delivery'] = 'at-least-once'): string[] {
  const topics = new Map([['t', { topic, isDurable: true }]]);
  return checkGroups(history, { groups: [groupOf(delivery)], topics, isQuiet: false }).map((each) => each.invariant);
}

test('records that come again are for at-least-once', () => {
  const history = historyOf([ownership('a', 0, 10, [0, 1]), ownership('b', 20, 30, [1, 2])], 3);
  expect(invariants(history)).toEqual([]);
  expect(invariants(history, 'at-most-once')).toEqual(['D8']);
});

test('a commit that passes a record that nobody processed is found', () => {
  expect(invariants(historyOf([ownership('a', 0, 10, [0]), ownership('b', 20, 30, [2])], 3))).toEqual(['D8']);
  expect(invariants(historyOf([ownership('a', 0, 10, [0])], 1))).toEqual([]);
});

test('a record that is left out within one ownership is found', () => {
  expect(invariants(historyOf([ownership('a', 0, 10, [0, 2])]))).toEqual(['C8']);
});

test('a commit that its successor does not know of is found', () => {
  const history = historyOf([ownership('a', 0, 10, [0, 1]), ownership('b', 20, 30, [0, 1, 2])]);
  const commit = { group: 'g', member: 'a', topic: 't', partition: 0, offset: 2, invokedMs: 5, endedMs: 6 };
  history.groups.commits.push({ ...commit, error: 'REQUEST_TIMED_OUT' });
  expect(invariants(history)).toEqual([]);
  history.groups.commits.push({ ...commit, error: undefined });
  expect(invariants(history)).toEqual(['D5']);
});

test('commits past the end, and commits that a restart loses, are found', () => {
  const history = historyOf([ownership('a', 0, 10, [0, 1, 2])], 4);
  expect(invariants(history)).toEqual(['D4']);
  const lost = historyOf([ownership('a', 0, 10, [0, 1, 2])], 3);
  lost.groups.finals.push({ label: 'later', group: 'g', topic: 't', partition: 0, offset: 2 });
  expect(invariants(lost)).toEqual(['D5']);
});

const version = 0;

function current(memberId: string, epoch: number, partitions: number[]): GroupRecord {
  const assigned = [{ topicId, partitions, epochs: partitions.map(() => epoch) }];
  const value = { version, epoch, previousEpoch: 0, state: 'stable' as const, assigned, revoking: [] };
  return { type: 'current', key: ['current', 'g', memberId], value };
}

function groupRecord(epoch: number): GroupRecord {
  const topics = [{ topicId, name: 't', partitions: 1 }];
  const rest = { assignmentEpoch: epoch, assignor: 'uniform', topics, metadataPosition: 0, emptySinceMs: -1 };
  return { type: 'group', key: ['group', 'g'], value: { version, epoch, ...rest } };
}

function rebalanceRecord(
  epoch: number,
  trigger: GroupRecordValue<'rebalance'>['trigger'],
  memberId: string,
): GroupRecord {
  const began = { startedMs: 0, finishedMs: -1, isSuperseded: false, movedPartitions: 0, moves: [] };
  return {
    type: 'rebalance',
    key: ['rebalance', 'g', epoch],
    value: { version, epoch, trigger, memberId, detail: '', ...began },
  };
}

function offsetRecord(offset: number, metadata: string | null): GroupRecord {
  const value = { version, offset, leaderEpoch: -1, metadata, committedMs: 0, metadataPosition: 0 };
  return { type: 'offset', key: ['offset', 'g', topicId, 0], value };
}

function audit(
  batches: readonly (readonly GroupRecord[])[],
  ownerships: readonly Ownership[] = [],
  forgetful: ReadonlySet<string> = new Set(),
): string[] {
  const history = new History().groups;
  history.ownerships.push(...ownerships);
  const log = { label: 'l', endOffset: 9, batches: batches.map((records, baseOffset) => ({ baseOffset, records })) };
  const topics = new Set(['t']);
  const groups = [groupOf('at-least-once')];
  const marks = new Marks();
  return auditGroupLogs({ groups, logs: [log], history, marks, topics, forgetful }).map((each) => each.invariant);
}

test('the log of a coordinator is held to one owner, rising epochs, and commits of owners that never go back', () => {
  const joined = [groupRecord(1), current('a', 1, [0])];
  expect(audit([joined, [offsetRecord(1, 'a')], [offsetRecord(2, null)]])).toEqual([]);
  expect(audit([joined, [groupRecord(2), current('b', 2, [0])]])).toEqual(['D1']);
  expect(audit([joined, [groupRecord(1)]])).toEqual(['D2']);
  expect(audit([joined, [current('a', 3, [0])]])).toEqual(['D2']);
  expect(audit([joined, [offsetRecord(1, 'b')]])).toEqual(['D3']);
  expect(audit([joined, [offsetRecord(2, 'a')], [offsetRecord(1, 'a')]])).toEqual(['D4']);
});

test('a commit may go back only where the log may have gone back', () => {
  const batches = [[groupRecord(1), current('a', 1, [0])], [offsetRecord(2, 'a')], [offsetRecord(1, 'a')]];
  expect(audit(batches, [], new Set(['t']))).toEqual([]);
  expect(audit(batches, [], new Set(['another']))).toEqual(['D4']);
});

test('an offset that is removed while the group has members is found', () => {
  const member = { instanceId: null, rackId: null, clientId: 'a', host: 'h', rebalanceTimeoutMs: 1, pattern: '' };
  const value = { version, ...member, topics: ['t'], assignor: null };
  const joined: GroupRecord = { type: 'member', key: ['member', 'g', 'a'], value };
  const left: GroupRecord = { type: 'member', key: ['member', 'g', 'a'], value: null };
  const removed: GroupRecord = { type: 'offset', key: ['offset', 'g', topicId, 0], value: null };
  expect(audit([[groupRecord(1), joined], [removed]])).toEqual(['D9']);
  expect(audit([[groupRecord(1), joined], [left], [removed]])).toEqual([]);
});

test('a rebalance for a member that asks for the same as before is found', () => {
  const rest = { instanceId: null, rackId: null, clientId: 'a', host: 'h', rebalanceTimeoutMs: 1, pattern: '' };
  const member = (assignor: string): GroupRecord => {
    return { type: 'member', key: ['member', 'g', 'a'], value: { version, ...rest, topics: ['t'], assignor } };
  };
  const changes = [
    [member('range'), groupRecord(1)],
    [groupRecord(2), rebalanceRecord(2, 'assignor-changed', 'a')],
  ];
  expect(audit([...changes.slice(0, 1), [member('uniform'), ...(changes[1] ?? [])]])).toEqual([]);
  expect(audit([...changes.slice(0, 1), [rebalanceRecord(1, 'member-joined', 'a')], ...changes.slice(1)])).toEqual([
    'D7',
  ]);
});

test('two programs own a partition at the same time only when the first was put out', () => {
  const overlapping = [ownership('a', 0, 20, []), ownership('b', 10, 30, [])];
  expect(audit([[groupRecord(1)]], overlapping)).toEqual(['D1']);
  const expired = rebalanceRecord(1, 'member-expired', 'id of a');
  expect(audit([[expired]], overlapping)).toEqual([]);
});

test('moves that nobody needed are counted', () => {
  const before = new Map([
    ['a', new Set(['0', '1'])],
    ['b', new Set(['2', '3'])],
  ]);
  expect(minimalMoves(before, before)).toEqual({ moved: 0, atLeast: 0 });
  const swapped = new Map([
    ['a', new Set(['2', '3'])],
    ['b', new Set(['0', '1'])],
  ]);
  expect(minimalMoves(before, swapped)).toEqual({ moved: 4, atLeast: 0 });
  const joined = new Map([
    ['a', new Set(['0', '1'])],
    ['b', new Set(['2'])],
    ['c', new Set(['3'])],
  ]);
  expect(minimalMoves(before, joined)).toEqual({ moved: 1, atLeast: 1 });
});
