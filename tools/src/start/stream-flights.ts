/**
 * Produces the flights keyed by origin while a consumer at the other end reads them back, then prints what it computed
 * and checks the log's promise.
 */
import { errorCode } from '@millrace/base';
import { type Admin, Consumer, Producer } from 'millrace';
import pc from 'picocolors';
import { DelaysByOrigin } from './delays.js';
import { type Flight, readFlights } from './flights.js';
import { StreamBars } from './stream-bars.js';
import { StreamCheck } from './stream-check.js';

const topic = 'flights';
const partitions = 6;

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
  await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'end' });
  // The consumer has to stand at the end before the first flight of this run is written.
  await consumer.ready({ signal });
  const startedMs = performance.now();
  const consuming = consume({ consumer, delays, check, flights, bars, signal });
  const bytes = await produce({ bootstrap, flights, bars, signal });
  await consuming;
  const seconds = (performance.now() - startedMs) / 1000;
  bars.stop();

  process.stdout.write(`\n${delays.table()}\n\n`);
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
  readonly delays: DelaysByOrigin;
  readonly check: StreamCheck;
  readonly flights: number;
  readonly bars: StreamBars;
  readonly signal: AbortSignal;
}

async function consume({ consumer, delays, check, flights, bars, signal }: ConsumeOptions): Promise<void> {
  for await (const batch of consumer.batches({ signal })) {
    for (const record of batch) {
      const flight = JSON.parse(text(record.value)) as Flight;
      check.add(flight, text(record.key));
      delays.add(flight);
    }
    bars.consumed(check.received);
    if (check.received >= flights) return;
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
