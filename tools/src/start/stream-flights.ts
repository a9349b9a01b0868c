/**
 * Produces the flights keyed by origin while a group of consumers at the other end shares their partitions and reads them
 * back, then prints what they computed and checks the log's promise.
 */
import { errorCode } from '@millrace/base';
import { type Admin, Consumer, Producer } from 'millrace';
import pc from 'picocolors';
import { DelaysByOrigin } from './delays.js';
import { type Flight, readFlights } from './flights.js';
import { SharedWork } from './shared-work.js';
import { StreamBars } from './stream-bars.js';
import { StreamCheck } from './stream-check.js';

const topic = 'flights';
const partitions = 6;
const members = 3;

export interface StreamOptions {
  readonly bootstrap: string;
  readonly admin: Admin;
  readonly flights: number;
  readonly signal: AbortSignal;
}

/** Whether every flight came back once and in order for its origin. */
export async function streamFlights({ bootstrap, admin, flights, signal }: StreamOptions): Promise<boolean> {
  await createTopic(admin);
  const bars = new StreamBars(flights);

  const delays = new DelaysByOrigin();
  const check = new StreamCheck(flights);
  const shares = new SharedWork(members);
  await using group = await joinGroup(bootstrap, signal);
  const startedMs = performance.now();
  const done = new AbortController();
  const consuming = Promise.all(
    group.consumers.map((consumer, index) =>
      consume({ consumer, index, shares, delays, check, flights, bars, done, signal }),
    ),
  );
  const bytes = await produce({ bootstrap, flights, bars, signal });
  await consuming;
  const seconds = (performance.now() - startedMs) / 1000;
  bars.stop();

  process.stdout.write(`\n${delays.table()}\n\n`);
  process.stdout.write(`Consumer group ${group.name}:\n${shares.table()}\n\n`);
  process.stdout.write(
    `${count(check.received)} flights from ${delays.originCount} origins, ${(bytes / 1e6).toFixed(1)} MB, written, synced and read back in ${seconds.toFixed(1)} s ` +
      `(${count(Math.round(check.received / seconds))} a second)\n`,
  );
  process.stdout.write(verdict(check));
  return check.passed;
}

async function createTopic(admin: Admin): Promise<void> {
  try {
    await admin.createTopic({ name: topic, partitions });
  } catch (error) {
    // A second run adds to what the first one left.
    if (errorCode(error) !== 'TOPIC_ALREADY_EXISTS') throw error;
  }
}

interface Group extends AsyncDisposable {
  readonly name: string;
  readonly consumers: readonly Consumer[];
}

/** All of them stand at the end of the topic before the first flight of this run is written. */
async function joinGroup(bootstrap: string, signal: AbortSignal): Promise<Group> {
  // A group of its own for each run: what a run that was interrupted left unread is not this one's.
  const name = `delays-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`;
  const consumers = Array.from(
    { length: members },
    (_, index) =>
      new Consumer({ bootstrap, group: name, clientId: `reader-${index + 1}`, topics: [topic], from: 'end' }),
  );
  const close = async (): Promise<void> => {
    await Promise.all(consumers.map((consumer) => consumer.close()));
  };
  try {
    for (const consumer of consumers) await consumer.ready({ signal });
  } catch (error) {
    await close();
    throw error;
  }
  return { name, consumers, [Symbol.asyncDispose]: close };
}

interface ProduceOptions {
  readonly bootstrap: string;
  readonly flights: number;
  readonly bars: StreamBars;
  readonly signal: AbortSignal;
}

async function produce({ bootstrap, flights, bars, signal }: ProduceOptions): Promise<number> {
  await using producer = new Producer({ bootstrap, compression: 'lz4' });
  let bytes = 0;
  let acknowledged = 0;
  for await (const chunk of readFlights(flights)) {
    signal.throwIfAborted();
    for (const flight of chunk) {
      const value = JSON.stringify(flight);
      bytes += value.length;
      const record = { topic, key: flight.origin, value };
      while (!producer.enqueue(record, () => (acknowledged += 1))) await producer.ready({ signal });
    }
    await producer.flush({ signal });
    bars.produced(acknowledged);
  }
  return bytes;
}

interface ConsumeOptions {
  readonly consumer: Consumer;
  readonly index: number;
  readonly shares: SharedWork;
  readonly delays: DelaysByOrigin;
  readonly check: StreamCheck;
  readonly flights: number;
  readonly bars: StreamBars;
  /** Aborted by whoever reads the last flight. */
  readonly done: AbortController;
  readonly signal: AbortSignal;
}

async function consume(options: ConsumeOptions): Promise<void> {
  const { consumer, index, shares, delays, check, flights, bars, done, signal } = options;
  try {
    for await (const batch of consumer.batches({ signal: AbortSignal.any([signal, done.signal]) })) {
      for (const record of batch) {
        const flight = JSON.parse(text(record.value)) as Flight;
        check.add(flight, text(record.key));
        delays.add(flight);
        shares.add(index, record.partition);
      }
      bars.consumed(check.received);
      if (check.received >= flights) done.abort();
    }
  } catch (error) {
    if (!done.signal.aborted) throw error;
  }
}

function verdict(check: StreamCheck): string {
  if (check.passed) return `${pc.green('\u2714')} every flight came back once, and in order for each origin\n`;
  return `${pc.red('\u2718')} ${check.missing} missing, ${check.repeated} repeated, ${check.outOfOrder} out of order, ${check.foreign} not ours\n`;
}

function text(bytes: Uint8Array | null): string {
  return bytes === null ? '' : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
