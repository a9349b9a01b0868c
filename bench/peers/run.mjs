/**
 * `node bench/peers/run.mjs [--only NAME] [--rounds N] [--seconds N]`: the same work on Millrace and on what its users would
 * pick instead, each alone on the machine, in turns. One partition, stream or queue, values of 100 bytes, one client
 * process (this one), an official or widely used client, as it is meant to be used.
 *
 * - produced: as many as are acknowledged in the time, with as many unacknowledged as suits the client;
 * - consumed: all of them, from the beginning;
 * - latency: from the moment a value was due to its acknowledgement, one value a call, on a fixed schedule.
 *
 * Prints JSON lines: one for each system and round, or why a system was skipped.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { build } from 'hdr-histogram-js';
import { adapters as kafka } from './adapters/kafka.mjs';
import { adapters as millrace } from './adapters/millrace.mjs';
import { adapters as nats } from './adapters/nats.mjs';
import { adapters as rabbitmq } from './adapters/rabbitmq.mjs';
import { adapters as redis } from './adapters/redis.mjs';

const { values: flags } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
  },
});
const value = Buffer.alloc(100, 'v');
const pacedPerSecond = 500;
const produceMs = Number(flags.seconds) * 1000;
/** Longest time for one system and round; a client that hangs must not hold the others up. */
const giveUpMs = 120_000;

const adapters = [...millrace, ...kafka, ...redis, ...nats, ...rabbitmq].filter(({ name }) =>
  name.toLowerCase().includes(flags.only.toLowerCase()),
);
/** Clients may fail where nobody waits; the server has to be stopped all the same. */
const crash = new Promise((_, reject) => {
  process.on('uncaughtException', reject);
});
crash.catch(() => undefined);

for (let round = 0; round < Number(flags.rounds); round += 1)
  for (const adapter of adapters) print({ name: adapter.name, ...(await runOne(adapter)) });
process.exit(0);

async function runOne(adapter) {
  const { durability, isSynced } = adapter;
  const why = adapter.missing();
  if (why !== undefined) return { durability, isSynced, skipped: why };
  const directory = mkdtempSync(join(tmpdir(), 'millrace-peer-'));
  let session;
  try {
    session = await adapter.start(directory);
    const timeUp = sleep(giveUpMs, undefined, { ref: false }).then(() => {
      throw new Error(`not done after ${giveUpMs} ms`);
    });
    return { durability, isSynced, ...(await Promise.race([measure(session), timeUp, crash])) };
  } catch (error) {
    const isAbsent = error.code === 'ERR_MODULE_NOT_FOUND';
    const reason = isAbsent ? 'its client is not installed: run bench/peers/install.sh' : `failed: ${error.message}`;
    return { durability, isSynced, skipped: reason.slice(0, 300) };
  } finally {
    await Promise.resolve(session?.close()).catch((error) =>
      process.stderr.write(`${adapter.name}: ${error.message}\n`),
    );
    await session?.server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(session) {
  const warm = await produce(session, produceMs / 4);
  const cpuBefore = session.server.cpuSeconds();
  const startedMs = performance.now();
  const produced = await produce(session, produceMs);
  const producedPerSecond = (produced / (performance.now() - startedMs)) * 1000;
  const cpuSecondsPerMillion = ((session.server.cpuSeconds() - cpuBefore) / produced) * 1e6;
  const consumeStartedMs = performance.now();
  await session.consume(warm + produced);
  const consumedPerSecond = ((warm + produced) / (performance.now() - consumeStartedMs)) * 1000;
  const { valuesPerCall } = session;
  return { valuesPerCall, producedPerSecond, consumedPerSecond, cpuSecondsPerMillion, ...(await latency(session)) };
}

/** Keeps as many calls in flight as the client likes; resolves with how many values were acknowledged. */
async function produce({ send, callsInFlight, valuesPerCall }, forMs) {
  const call = Array.from({ length: valuesPerCall }, () => value);
  const endMs = performance.now() + forMs;
  let acknowledged = 0;
  const lane = async () => {
    while (performance.now() < endMs) {
      await send(call);
      acknowledged += valuesPerCall;
    }
  };
  await Promise.all(Array.from({ length: callsInFlight }, lane));
  return acknowledged;
}

async function latency({ send }) {
  const count = 2 * pacedPerSecond;
  const startMs = performance.now();
  const microseconds = build({ numberOfSignificantValueDigits: 3 });
  const pending = [];
  for (let index = 0; index < count; index += 1) {
    const dueMs = startMs + (index * 1000) / pacedPerSecond;
    while (performance.now() < dueMs) await (dueMs - performance.now() > 2 ? sleep(1) : nextTurn());
    const note = () => microseconds.recordValue(Math.round((performance.now() - dueMs) * 1000));
    pending.push(send([value]).then(note));
  }
  await Promise.all(pending);
  const at = (percentile) => microseconds.getValueAtPercentile(percentile) / 1000;
  return { p50Ms: at(50), p99Ms: at(99) };
}

function print(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
