import { completion } from '@millrace/base';
import { Simulation } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { CatchUpGate } from '../../src/replication/catch-up-gate.js';

test('lets one read pass at a time, in the order of asking, each in a turn of its own', async () => {
  const simulation = new Simulation({ seed: 1 });
  const gate = new CatchUpGate(simulation.environment('node').clock);
  const began: number[] = [];
  const ends = [0, 1, 2].map(() => completion());
  const passed = ends.map((end, index) =>
    gate.pass(async () => {
      began.push(index);
      await end.promise;
      return index;
    }),
  );
  await simulation.runFor(10);
  expect(began).toEqual([0]);
  ends[1]!.resolve();
  ends[0]!.resolve();
  await simulation.complete(passed[1]!);
  expect(began).toEqual([0, 1]);
  await simulation.runFor(10);
  expect(began).toEqual([0, 1, 2]);
  ends[2]!.reject(new Error('disk'));
  await expect(simulation.complete(passed[2]!)).rejects.toThrow('disk');
  expect(await simulation.complete(gate.pass(() => Promise.resolve('next')))).toBe('next');
});
