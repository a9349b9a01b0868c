/**
 * The examples of effects that happen exactly once, as real processes that are killed over and over (kill -9), and paused
 * until others have their partitions: the table of effects holds each record once. Prints what it counted.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Admin } from '@millrace/admin';
import { Producer } from '@millrace/producer';
import sqlite from 'node-sqlite3-wasm';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { environment, type NodeProcess, startNode, temporaryDirectory } from './node-process.js';
import { pause, until } from './pause.js';
import { freePorts } from './rig/free-ports.js';

const directory = temporaryDirectory();
const partitions = 4;
const accounts = ['ada', 'bob', 'cleo'];
let node: NodeProcess;
let admin: Admin;
let producer: Producer;

beforeAll(async () => {
  const ports = ['--client', '127.0.0.1:0', '--internal', '127.0.0.1:0', '--http', '127.0.0.1:0'];
  const settings = ['group.consumer.session.timeout.ms=2000', 'group.consumer.heartbeat.interval.ms=200'];
  const set = settings.flatMap((setting) => ['--set', setting]);
  node = await startNode(['--data', join(directory.path, 'node'), ...ports, '--log-level', 'error', ...set]);
  admin = new Admin({ bootstrap: node.ready.client });
  producer = new Producer({ bootstrap: node.ready.client });
});

afterAll(async () => {
  await producer.close();
  await admin.close();
  await node.end('SIGTERM');
  directory[Symbol.dispose]();
});

/** Payments of 1 to the accounts in turn, spread over the partitions, a few at a time until it is stopped. */
class Payments {
  readonly topic: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  sent = 0;

  constructor(topic: string) {
    this.topic = topic;
    this.#running = this.#run();
  }

  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#running;
    return this.sent;
  }

  async #run(): Promise<void> {
    await admin.createTopic({ name: this.topic, partitions });
    while (!this.#stop.signal.aborted) {
      const records = Array.from({ length: 40 }, (_, index) => ({
        partition: index % partitions,
        value: JSON.stringify({ account: accounts[index % accounts.length], amount: 1 }),
      }));
      await producer.sendBatch({ topic: this.topic, records });
      this.sent += records.length;
      await pause(20);
    }
  }
}

interface Example {
  readonly child: ChildProcess;
  end(signal: NodeJS.Signals): Promise<number | null>;
  log(): string;
}

async function startExample(name: string, args: readonly string[]): Promise<Example> {
  const file = fileURLToPath(new URL(`../../docs/examples/${name}.mjs`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const ended = once(child, 'close') as Promise<[number | null]>;
  await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(([code]) => Promise.reject(new Error(`the example ended with code ${String(code)}: ${log}`))),
  ]);
  return {
    child,
    log: () => log,
    end: async (signal) => {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
}

test('kill -9 over and over: SQLite holds the effect of each record once', async () => {
  const topic = 'sqlite-payments';
  const file = join(directory.path, 'payments.sqlite');
  const payments = new Payments(topic);
  const args = [node.ready.client, topic, file];
  let kills = 0;
  const counts: number[] = [];
  for (; kills < 8; kills++) {
    const example = await startExample('exactly-once-sqlite', args);
    await pause(150 + 170 * kills);
    await example.end('SIGKILL');
    counts.push(countIn(file));
  }
  const sent = await payments.stop();
  const last = await startExample('exactly-once-sqlite', args);
  let lag = -1;
  await until(async () => (lag = await lagOf(topic)) === 0, { evidence: () => `lag ${lag}; ${last.log()}` });
  expect(await last.end('SIGTERM'), last.log()).toBe(0);
  const rows = effectsIn(file);
  const records = new Set(rows.map(({ part, record }) => `${String(part)}:${String(record)}`));
  process.stdout.write(
    `SQLite: ${kills} kills, ${sent} payments, ${rows.length} effects of ${records.size} records; after each kill ${counts.join(', ')}\n`,
  );
  expect(counts.at(-1)).toBeGreaterThan(0);
  expect([rows.length, records.size]).toEqual([sent, sent]);
});

const postgres = '/usr/local/bin/postgres';
const isRoot = process.getuid?.() === 0;

test.runIf(hasPostgres())(
  'kill -9 and pauses over and over, two at a time: PostgreSQL holds the effect of each record once',
  async () => {
    const topic = 'postgres-payments';
    await using database = await startPostgres();
    const payments = new Payments(topic);
    const args = [node.ready.client, topic, database.url];
    const examples = [
      await startExample('exactly-once-postgres', args),
      await startExample('exactly-once-postgres', args),
    ];
    let [kills, pauses] = [0, 0];
    for (let round = 0; round < 8; round++) {
      await pause(400 + 130 * round);
      const turn = round % 2;
      const example = examples[turn] as Example;
      if (round % 4 === 2) {
        // Longer than the session: its partitions go to the other one, and it wakes up with records in hand.
        example.child.kill('SIGSTOP');
        await pause(3500);
        example.child.kill('SIGCONT');
        pauses += 1;
        continue;
      }
      await example.end('SIGKILL');
      kills += 1;
      examples[turn] = await startExample('exactly-once-postgres', args);
    }
    const sent = await payments.stop();
    await until(async () => (await database.count('SELECT count(*) FROM effects')) >= sent, {
      evidence: () => examples.map((example) => example.log()).join('\n'),
    });
    for (const example of examples) expect(await example.end('SIGTERM'), example.log()).toBe(0);
    const effects = await database.count('SELECT count(*) FROM effects');
    const records = await database.count('SELECT count(*) FROM (SELECT DISTINCT part, record FROM effects) AS d');
    process.stdout.write(
      `PostgreSQL: ${kills} kills, ${pauses} pauses, ${sent} payments, ${effects} effects of ${records} records\n`,
    );
    expect([effects, records]).toEqual([sent, sent]);
  },
);

function hasPostgres(): boolean {
  const why = !existsSync(postgres)
    ? `there is no ${postgres}`
    : isRoot && idOf('nobody') === undefined
      ? 'it does not run as root, and there is no user nobody'
      : undefined;
  if (why !== undefined) process.stdout.write(`SKIP the example for PostgreSQL: ${why}\n`);
  return why === undefined;
}

function idOf(user: string): number | undefined {
  try {
    return Number(execFileSync('id', ['-u', user], { encoding: 'utf8' }));
  } catch {
    return undefined;
  }
}

function effectsIn(file: string): Record<string, unknown>[] {
  const database = new sqlite.Database(file);
  try {
    return database.all('SELECT part, record FROM effects');
  } finally {
    database.close();
  }
}

/** After a kill the lock of the killed process is in the way, and what it had not committed is undone on opening. */
function countIn(file: string): number {
  execFileSync('rm', ['-rf', `${file}.lock`]);
  return effectsIn(file).length;
}

async function lagOf(topic: string): Promise<number> {
  const { offsets } = await admin.describeGroup('accounting');
  const mine = offsets.filter((one) => one.topic === topic);
  return mine.length === partitions ? mine.reduce((sum, { lag }) => sum + (lag ?? 1), 0) : -1;
}

interface Database extends AsyncDisposable {
  readonly url: string;
  count(query: string): Promise<number>;
}

/** A server of its own on a free port. PostgreSQL does not run as root. */
async function startPostgres(): Promise<Database> {
  const place = temporaryDirectory();
  const user = isRoot ? idOf('nobody') : undefined;
  const as = user === undefined ? {} : { uid: user };
  if (user !== undefined) {
    chownSync(place.path, user, -1);
    chmodSync(place.path, 0o700);
  }
  const data = join(place.path, 'data');
  execFileSync('/usr/local/bin/initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], {
    ...as,
    cwd: place.path,
    stdio: 'pipe',
  });
  const [port = 0] = await freePorts(1);
  const args = ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', place.path];
  const server = spawn(postgres, args, { ...as, cwd: place.path, stdio: 'ignore' });
  const ended = once(server, 'close');
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const query = async (text: string): Promise<number> => {
    const client = new pg.Client({ connectionString: url });
    // A server that stops says so to those who are connected; whoever asks hears of it with the answer.
    client.on('error', () => undefined);
    await client.connect();
    try {
      return Number((await client.query<{ count: string }>(text)).rows[0]?.count);
    } finally {
      await client.end();
    }
  };
  let refusal: unknown;
  const isThere = async (): Promise<boolean> => {
    try {
      return (await query('SELECT 1 AS count')) === 1;
    } catch (error) {
      refusal = error;
      return false;
    }
  };
  await until(isThere, { evidence: () => String(refusal) });
  return {
    url,
    count: query,
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGINT');
      await ended;
      place[Symbol.dispose]();
    },
  };
}
