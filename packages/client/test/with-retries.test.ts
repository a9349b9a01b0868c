import { errorCode, MillraceError } from '@millrace/base';
import { errorTable, protocolError } from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import { beforeEach, expect, test } from 'vitest';
import { ClusterClient, retryDecision, withRetries, type Attempt } from '../src/index.js';
import { metadata, ScriptedServer } from './scripted-server.js';

let simulation: Simulation;
let server: ScriptedServer;
let client: ClusterClient;

beforeEach(async () => {
  simulation = new Simulation({ seed: 5 });
  server = await simulation.complete(ScriptedServer.listen(simulation.environment('node1')));
  server.setMetadata(metadata());
  client = new ClusterClient({ bootstrap: 'node1:7400', environment: simulation.environment('client') });
});

function attempts(limit: { timeoutMs: number; signal?: AbortSignal }, run: (attempt: Attempt) => Promise<string>) {
  return simulation.complete(
    withRetries(client, limit, run).then(
      (value) => ({ value, error: undefined }),
      (error: unknown) => ({ value: undefined, error }),
    ),
  );
}

test('it tries again, with growing pauses, until it works', async () => {
  const times: number[] = [];
  const { value } = await attempts({ timeoutMs: 10_000 }, ({ number }) => {
    times.push(simulation.nowMs);
    if (number < 5) throw protocolError('NOT_ENOUGH_REPLICAS', 'only one replica is in sync');
    return Promise.resolve('done');
  });
  expect(value).toBe('done');
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  for (const [index, expected] of [100, 200, 400, 800].entries()) {
    expect(pauses[index]).toBeGreaterThanOrEqual(expected * 0.79);
    expect(pauses[index]).toBeLessThanOrEqual(expected * 1.21);
  }
});

test('when the time is up it rejects with the last error and says how often it tried', async () => {
  const startedMs = simulation.nowMs;
  const left: number[] = [];
  const { error } = await attempts({ timeoutMs: 2000 }, ({ timeoutMs }) => {
    left.push(timeoutMs);
    return Promise.reject(protocolError('LOG_DISK_FULL', 'The disk is full.'));
  });
  expect(errorCode(error)).toBe('LOG_DISK_FULL');
  expect((error as Error).message).toMatch(/The disk is full\. \(gave up after \d+ attempts in \d+ ms\)/);
  expect(simulation.nowMs - startedMs).toBeLessThanOrEqual(2000);
  expect(left[0]).toBe(2000);
  expect(left.at(-1)).toBeLessThan(1200);
});

test('an error that no retry cures ends it at once', async () => {
  let count = 0;
  const { error } = await attempts({ timeoutMs: 2000 }, () => {
    count += 1;
    return Promise.reject(protocolError('MESSAGE_TOO_LARGE', 'too large'));
  });
  expect(errorCode(error)).toBe('MESSAGE_TOO_LARGE');
  expect(count).toBe(1);
});

test('an abort ends the pause with the reason', async () => {
  const abort = new AbortController();
  simulation.after(150, () => abort.abort(new Error('enough')));
  const { error } = await attempts({ timeoutMs: 60_000, signal: abort.signal }, () =>
    Promise.reject(protocolError('LOG_DISK_FULL', 'full')),
  );
  expect((error as Error).message).toBe('enough');
  expect(simulation.nowMs).toBeLessThan(200);
});

test('an error that speaks of old metadata makes it refresh before the next attempt', async () => {
  const { value } = await attempts({ timeoutMs: 2000 }, ({ number }) =>
    number === 1
      ? Promise.reject(protocolError('NOT_LEADER_OR_FOLLOWER', 'node 1 does not lead'))
      : Promise.resolve(server.requests.join()),
  );
  expect(value).toBe('Hello,Metadata');
});

test('closing the client ends it', async () => {
  const { error } = await attempts({ timeoutMs: 60_000 }, async () => {
    await client.close();
    throw protocolError('NETWORK_EXCEPTION', 'gone');
  });
  expect(errorCode(error)).toBe('NETWORK_EXCEPTION');
  expect(simulation.nowMs).toBeLessThan(50);
});

test('errors of the table are retried exactly when it calls them retriable', () => {
  for (const { name, retriable } of errorTable) {
    expect([name, retryDecision(protocolError(name, '')) !== 'give-up']).toEqual([name, retriable]);
  }
});

test('what is not ours is never retried', () => {
  expect(retryDecision(new Error('a bug'))).toBe('give-up');
  expect(retryDecision(new DOMException('aborted', 'AbortError'))).toBe('give-up');
  expect(retryDecision(new MillraceError('ASSERTION_FAILED', ''))).toBe('give-up');
});
