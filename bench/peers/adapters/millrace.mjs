/** Millrace, as it comes. */
import { fileURLToPath } from 'node:url';
import { freePort, startServer } from '../server-process.mjs';

const program = fileURLToPath(new URL('../../../packages/cli/bin/millrace.js', import.meta.url));
const topic = 'peers';

const millrace = (name, durability, isSynced) => ({
  name,
  durability: isSynced ? 'fdatasync before each acknowledgement, shared' : 'none: page cache',
  isSynced,
  missing: () => undefined,
  start: async (directory) => {
    const { Admin, Consumer, Producer } = await import('../../../packages/cli/dist/index.js');
    const port = await freePort();
    const bootstrap = `127.0.0.1:${port}`;
    const free = '127.0.0.1:0';
    const addresses = ['--client', bootstrap, '--internal', free, '--http', free];
    const args = [program, 'server', '--data', directory, ...addresses, '--log-level', 'error'];
    const server = await startServer(process.execPath, args, { port });
    const admin = new Admin({ bootstrap });
    await admin.createTopic({ name: topic, partitions: 1, configs: { durability } });
    await admin.close();
    const producer = new Producer({ bootstrap });
    return {
      server,
      callsInFlight: 5,
      valuesPerCall: 2000,
      send: (values) => producer.sendBatch({ topic, records: values.map((value) => ({ value })) }),
      consume: async (count) => {
        const consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
        let seen = 0;
        for await (const batch of consumer.batches()) {
          for (const { value } of batch) if (value !== null) seen += 1;
          batch.release();
          if (seen >= count) break;
        }
        await consumer.close();
      },
      close: () => producer.close(),
    };
  },
});

export const adapters = [
  millrace('Millrace', 'fsync', true),
  millrace('Millrace, durability=replicated', 'replicated', false),
];
