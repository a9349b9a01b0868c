import { MillraceError } from '@millrace/base';
import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { JoinRefusals } from '../../src/cluster/join-refusals.js';

const duplicate = new MillraceError('DUPLICATE_BROKER_REGISTRATION', 'another', { retriable: true });
const cut = new MillraceError('NETWORK_EXCEPTION', 'cut', { retriable: true });
let simulation: Simulation;
let refusals: JoinRefusals;
let ended: unknown;

beforeEach(() => {
  simulation = new Simulation({ seed: 1 });
  const { clock } = simulation.environment('node');
  refusals = new JoinRefusals({ clock, patienceMs: 1000 });
  ended = undefined;
  refusals.lasting.catch((error: unknown) => (ended = error));
});

test('a refusal that lasts ends the start, for good', async () => {
  refusals.noteReach(1, 'failed', duplicate);
  await simulation.runFor(600);
  refusals.noteReach(1, 'failed', duplicate);
  await simulation.runFor(399);
  expect(ended).toBeUndefined();
  await simulation.runFor(2);
  expect(ended).toMatchObject({ code: 'DUPLICATE_BROKER_REGISTRATION', retriable: false });
});

test('one that was taken back, or whatever passes by itself, does not', async () => {
  refusals.noteReach(1, 'failed', duplicate);
  refusals.noteReach(2, 'failed', cut);
  refusals.noteReach(2, 'lost', undefined);
  await simulation.runFor(999);
  expect(refusals.latest?.code).toBe('DUPLICATE_BROKER_REGISTRATION');
  refusals.noteReach(1, 'open', undefined);
  expect(refusals.latest).toBeUndefined();
  await simulation.runFor(5000);
  expect(ended).toBeUndefined();
});

test('a node that cannot be reached any more has not changed its mind', async () => {
  refusals.noteReach(1, 'failed', duplicate);
  refusals.noteReach(1, 'refused', undefined);
  await simulation.runFor(1001);
  expect(ended).toMatchObject({ code: 'DUPLICATE_BROKER_REGISTRATION' });
});
