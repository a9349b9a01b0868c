/**
 * `slow-readers.js BOOTSTRAP TOPIC COUNT`: so many connections that ask for much and take little. Each asks four times at
 * once for 8 MiB from the beginning, reads 4 KiB of the replies a second, and connects anew when it is cut off. Prints a
 * line when all have asked, and goes on until it is stopped.
 *
 * The consumer of this project is no such reader: it asks for no more than it has room for. So this speaks the protocol
 * by itself.
 */
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encodeFrame, encodeRequest, fetchApi, helloApi } from '@millrace/protocol';
import { Admin } from 'millrace';

const [bootstrap = '', topic = '', count = '1'] = process.argv.slice(2);
const [host = '', port = ''] = bootstrap.split(':');
const atOnce = 50;
const everyMs = 1000;
const takenBytes = 4096;
const askedBytes = 8 * 1024 * 1024;
const askedTimes = 4;

const admin = new Admin({ bootstrap });
let greeting = await question();
const readers = new Set<Socket>();
for (let started = 0; started < Number(count); started += atOnce)
  await Promise.all(Array.from({ length: Math.min(atOnce, Number(count) - started) }, open));
process.stdout.write(`${count}\n`);
process.on('SIGTERM', () => process.exit(0));
setInterval(() => {
  for (const socket of readers) socket.read(Math.min(takenBytes, socket.readableLength));
}, everyMs);
// Where the logs begin moves on.
for (;;) {
  await sleep(everyMs);
  greeting = await question();
}

async function open(): Promise<void> {
  const socket = connect({ host, port: Number(port) });
  readers.add(socket);
  // Node fills its own buffer, of some 16 KiB, and then reads no more.
  socket.on('readable', () => undefined);
  socket.on('error', () => undefined);
  socket.on('close', () => {
    readers.delete(socket);
    setTimeout(() => void open(), everyMs);
  });
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
  socket.write(greeting);
}

/** Of every connection the same bytes: a Hello, and fetches of all partitions. */
async function question(): Promise<Buffer> {
  const { topicId, partitions } = await admin.describeTopic(topic);
  const wanted = partitions.map(({ partition }) => ({ topic, partition, at: 'earliest' as const }));
  const starts = await admin.listOffsets(wanted);
  const hello = { softwareName: 'slow-readers', softwareVersion: '0', clusterId: null, node: null };
  const fetch = {
    maxWaitMs: 500,
    minBytes: 1,
    maxBytes: askedBytes,
    isolation: 'read-uncommitted' as const,
    partitions: starts.map(({ partition, offset }) => ({
      topicId,
      partition,
      fetchOffset: offset,
      leaderEpoch: -1,
      maxBytes: askedBytes,
    })),
  };
  const frames = [encodeFrame(header(helloApi.key, 1), encodeRequest(helloApi, 0, hello))];
  for (let index = 0; index < askedTimes; index += 1)
    frames.push(encodeFrame(header(fetchApi.key, index + 2), encodeRequest(fetchApi, 0, fetch)));
  return Buffer.concat(frames.flat());
}

function header(apiKey: number, correlationId: number): Parameters<typeof encodeFrame>[0] {
  return { correlationId, apiKey, apiVersion: 0, flags: 0 };
}
