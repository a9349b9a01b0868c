import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { NodeWatch } from '../../src/cluster/node-watch.js';

let simulation: Simulation;
let watch: NodeWatch;
let attempts: number;
let isConnected: boolean;
let gone: number[];

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
  attempts = 0;
  isConnected = false;
  gone = [];
  watch = new NodeWatch({
    clock: simulation.environment('node').clock,
    connect: () => (attempts += 1),
    isConnected: () => isConnected,
    onGone: (nodeId) => gone.push(nodeId),
  });
});

test('a node that accepts no connection, and has none, is gone as soon as one of them has ended', async () => {
  watch.noteReach(2, 'lost');
  await simulation.runFor(1);
  expect(attempts).toBe(1);
  watch.noteReach(2, 'refused');
  expect(gone).toEqual([2]);
});

test('a node that accepts connections is not gone, however often they end', async () => {
  for (let round = 0; round < 5; round += 1) {
    watch.noteReach(2, 'lost');
    await simulation.runFor(1);
    watch.noteReach(2, 'open');
  }
  expect([attempts, gone]).toEqual([5, []]);
});

test('nor is one that is connected to this node: its address may be wrong', async () => {
  isConnected = true;
  watch.look(2);
  await simulation.runFor(1);
  watch.noteReach(2, 'refused');
  await simulation.runFor(100);
  expect([attempts, gone]).toEqual([2, []]);
  isConnected = false;
  watch.noteReach(2, 'refused');
  expect(gone).toEqual([2]);
});

test('a node that cannot be reached is looked for again, and not for ever', async () => {
  watch.look(2);
  for (let round = 0; round < 100; round += 1) {
    await simulation.runFor(100);
    watch.noteReach(2, 'failed');
  }
  expect(attempts).toBe(20);
  expect(gone).toEqual([]);
});

test('it leaves no timer behind', async () => {
  watch.look(2);
  watch.close();
  await simulation.runFor(1000);
  watch.noteReach(2, 'lost');
  watch.noteReach(2, 'refused');
  await simulation.runFor(1000);
  expect([attempts, gone]).toEqual([0, []]);
});
