/** The transaction commands against a real node: JSON shapes, exit codes, and an abort that a producer feels. */
import { Producer } from '@millrace/producer';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Finished, type NodeProcess, runMillrace, startNode, temporaryDirectory } from './node-process.js';

const directory = temporaryDirectory();
const freePorts = ['--client', '127.0.0.1:0', '--internal', '127.0.0.1:0', '--http', '127.0.0.1:0'];
let node: NodeProcess;
let producer: Producer;

beforeAll(async () => {
  node = await startNode(['--data', directory.path, ...freePorts, '--log-level', 'error']);
  await run(['topic', 'create', 'orders', '--partitions', '2']);
  producer = new Producer({ bootstrap: node.ready.client, transactionalId: 'till-7', transactionTimeoutMs: 300_000 });
});

afterAll(async () => {
  await producer.close();
  await node.end('SIGTERM');
  directory[Symbol.dispose]();
});

function run(args: readonly string[]): Promise<Finished> {
  return runMillrace([...args, '--bootstrap', node.ready.client], '');
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

test('an open transaction is listed, described and aborted, and its producer cannot commit it any more', async () => {
  expect(await json(['transaction', 'list'])).toEqual([]);
  const open = await producer.beginTransaction();
  await open.send({ topic: 'orders', partition: 1, value: 'never' });

  const listed = await json(['transaction', 'list', '--state', 'ongoing']);
  expect(listed).toMatchObject([{ transactionalId: 'till-7', state: 'ongoing' }]);
  expect(await json(['transaction', 'list', '--open-for-ms', '600000'])).toEqual([]);
  expect(await json(['transaction', 'describe', 'till-7'])).toMatchObject({
    transactionalId: 'till-7',
    state: 'ongoing',
    producerEpoch: 0,
    timeoutMs: 300_000,
    partitions: [{ topic: 'orders', partition: 1 }],
  });
  expect(await json(['transaction', 'producers', 'orders', '--open'])).toMatchObject([
    { topic: 'orders', partition: 1, producerEpoch: 0, lastSequence: 0, transactionStartOffset: 0 },
  ]);
  const table = await run(['transaction', 'list']);
  expect(table.stdout).toMatch(/TRANSACTIONAL ID +PRODUCER +STATE\ntill-7 +\d+ +ongoing\n/);

  expect((await failure(['transaction', 'abort', 'till-7'])).code).toBe(2);
  expect(await json(['transaction', 'abort', 'till-7', '--yes'])).toEqual({ transactionalId: 'till-7', aborted: true });
  await expect(open.commit()).rejects.toMatchObject({ code: 'PRODUCER_FENCED' });
  expect(await json(['transaction', 'producers', 'orders:1', '--open'])).toEqual([]);
  const read = await run(['consume', 'orders', '--from', 'beginning', '--idle-ms', '500']);
  expect({ code: read.code, stdout: read.stdout }).toEqual({ code: 0, stdout: '' });
});

test('what is not there is said so', async () => {
  const unknown = await failure(['transaction', 'describe', 'nobody']);
  expect(unknown).toMatchObject({ code: 1, reason: expect.stringContaining('TRANSACTIONAL_ID_NOT_FOUND') as string });
  const idle = await failure(['transaction', 'abort', 'till-7', '--yes']);
  expect(idle).toMatchObject({ code: 1, reason: expect.stringContaining('INVALID_TXN_STATE') as string });
  expect((await failure(['transaction', 'producers', 'orders:x'])).code).toBe(2);
  expect((await failure(['transaction', 'list', '--state', 'lost'])).code).toBe(2);
});
