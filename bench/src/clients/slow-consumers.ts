/**
 * `slow-consumers.js BOOTSTRAP TOPIC COUNT`: so many consumers in this process that fall behind: each takes one batch from the
 * beginning on and waits. Prints a line when all have one, and goes on until it is stopped.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer } from 'millrace';

const [bootstrap = '', topic = '', count = '1'] = process.argv.slice(2);
const atOnce = 50;
const pauseMs = 30_000;
/** Of each: a thousand readers with the usual 32 MiB ahead would be the whole memory of this process, not the node's. */
const prefetchBytes = 16 * 1024;

for (let started = 0; started < Number(count); started += atOnce)
  await Promise.all(Array.from({ length: Math.min(atOnce, Number(count) - started) }, start));
process.stdout.write(`${count}\n`);
process.on('SIGTERM', () => process.exit(0));

async function start(): Promise<void> {
  const limits = { prefetchBytes, fetchMaxBytes: prefetchBytes, partitionFetchMaxBytes: prefetchBytes };
  const consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning', ...limits });
  await consumer.ready();
  void (async () => {
    for await (const batch of consumer.batches()) {
      batch.release();
      await sleep(pauseMs);
    }
  })();
}
