/** NATS JetStream with file storage. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, hasProgram, startServer } from '../server-process.mjs';

const stream = 'PEERS';

export const adapters = [
  {
    name: 'NATS JetStream 2.9, file',
    durability: 'none before the acknowledgement: fsync each two minutes (2.9 has no sync=always)',
    isSynced: false,
    missing: () => (hasProgram('nats-server') ? undefined : 'no nats-server'),
    start: async (directory) => {
      const { connect, AckPolicy, DeliverPolicy } = await import('nats');
      const port = await freePort();
      const config = join(directory, 'nats.conf');
      writeFileSync(config, `port: ${port}\nhost: 127.0.0.1\njetstream { store_dir: "${join(directory, 'js')}" }\n`);
      const server = await startServer('nats-server', ['-c', config], { port });
      const connection = await connect({ port });
      const manager = await connection.jetstreamManager();
      await manager.streams.add({ name: stream, subjects: ['peers'], storage: 'file' });
      const js = connection.jetstream();
      return {
        server,
        callsInFlight: 1000,
        valuesPerCall: 1,
        send: ([value]) => js.publish('peers', value),
        consume: async (count) => {
          const name = `reader-${count}`;
          const policies = { ack_policy: AckPolicy.None, deliver_policy: DeliverPolicy.All };
          await manager.consumers.add(stream, { durable_name: name, ...policies });
          const consumer = await js.consumers.get(stream, name);
          const messages = await consumer.consume({ max_messages: 1000 });
          let seen = 0;
          for await (const { data } of messages) {
            if (data.length > 0) seen += 1;
            if (seen >= count) break;
          }
        },
        close: () => connection.close(),
      };
    },
  },
];
