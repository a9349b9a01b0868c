import { MillraceError } from '@millrace/base';
import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { ClusterCheck } from '../../src/cluster/cluster-check.js';

const refusal = new MillraceError('INCONSISTENT_CLUSTER_ID', 'This node belongs to cluster theirs.');
const silent = { refusal: undefined, clusterId: undefined };
let simulation: Simulation;
let check: ClusterCheck;
let asked: number[];
let outcome: string | undefined;

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
  const { clock } = simulation.environment('node');
  asked = [];
  outcome = undefined;
  check = new ClusterCheck({
    clock,
    clusterId: () => 'ours',
    dataDir: 'data',
    connect: (nodeId) => asked.push(nodeId),
    patienceMs: 1000,
  });
  const wait = (timeMs: number): Promise<void> =>
    new Promise((resolve) => {
      clock.schedule(timeMs, resolve);
    });
  check.requireSame([1, 2], wait).then(
    () => (outcome = 'goes on'),
    (error: unknown) => (outcome = (error as MillraceError).code),
  );
});

test('a voter of another cluster ends the start, and no other one is waited for', async () => {
  await simulation.runFor(10);
  expect(asked).toEqual([1, 2]);
  check.noteReach(2, 'failed', { refusal, clusterId: undefined });
  await simulation.runFor(100);
  expect(outcome).toBe('INCONSISTENT_CLUSTER_ID');
});

test('one that has no cluster yet proves nothing: the others are waited for', async () => {
  check.noteReach(1, 'open', { refusal: undefined, clusterId: null });
  await simulation.runFor(500);
  expect(outcome).toBeUndefined();
  check.noteReach(2, 'failed', { refusal, clusterId: undefined });
  await simulation.runFor(100);
  expect(outcome).toBe('INCONSISTENT_CLUSTER_ID');
});

test('one of the same cluster is enough', async () => {
  check.noteReach(2, 'open', { refusal: undefined, clusterId: 'ours' });
  await simulation.runFor(100);
  expect(outcome).toBe('goes on');
});

test('when none has a cluster there is nothing to wait for', async () => {
  for (const nodeId of [1, 2]) check.noteReach(nodeId, 'open', { refusal: undefined, clusterId: null });
  await simulation.runFor(100);
  expect(outcome).toBe('goes on');
});

test('nodes that cannot be reached are asked again, and not waited for without end', async () => {
  check.noteReach(1, 'refused', silent);
  check.noteReach(2, 'failed', { refusal: new MillraceError('NETWORK_EXCEPTION', 'cut'), clusterId: undefined });
  await simulation.runFor(900);
  expect(outcome).toBeUndefined();
  expect(asked.filter((nodeId) => nodeId === 1).length).toBeGreaterThan(5);
  await simulation.runFor(200);
  expect(outcome).toBe('goes on');
});
