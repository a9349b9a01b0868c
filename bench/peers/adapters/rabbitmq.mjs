/** RabbitMQ: a quorum queue and a stream, both over AMQP with confirms. Its stream client needs a newer server than Debian’s. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, hasProgram, startServer } from '../server-process.mjs';

const queue = 'peers';
const missing = () => (hasProgram('rabbitmq-server') ? undefined : 'no rabbitmq-server');

async function startRabbit(directory) {
  const [port, distPort] = [await freePort(), await freePort()];
  const config = join(directory, 'rabbitmq.conf');
  const plugins = join(directory, 'enabled_plugins');
  writeFileSync(config, `listeners.tcp.1 = 127.0.0.1:${port}\nloopback_users = none\n`);
  writeFileSync(plugins, '[].\n');
  const env = {
    RABBITMQ_NODENAME: `peers${port}@localhost`,
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    RABBITMQ_DIST_PORT: String(distPort),
    HOME: directory,
  };
  const server = await startServer('/usr/lib/rabbitmq/bin/rabbitmq-server', [], { port, env });
  return { port, server };
}

const rabbit = ({ name, type, durability, isSynced }) => ({
  name,
  durability,
  isSynced,
  missing,
  start: async (directory) => {
    const amqp = await import('amqplib');
    const { port, server } = await startRabbit(directory);
    const connection = await amqp.connect({ hostname: '127.0.0.1', port });
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': type } });
    return {
      server,
      callsInFlight: 1000,
      valuesPerCall: 1,
      send: ([value]) =>
        new Promise((resolve, reject) => {
          const options = { persistent: true };
          channel.sendToQueue(queue, value, options, (error) => (error === null ? resolve() : reject(error)));
        }),
      consume: async (count) => {
        const reader = await connection.createChannel();
        await reader.prefetch(1000);
        let seen = 0;
        await new Promise((resolve, reject) => {
          const take = (message) => {
            reader.ack(message);
            seen += 1;
            if (seen === count) resolve();
          };
          const position = type === 'stream' ? { 'x-stream-offset': 'first' } : {};
          reader.consume(queue, take, { arguments: position }).catch(reject);
        });
        await reader.close();
      },
      close: () => connection.close(),
    };
  },
});

export const adapters = [
  rabbit({
    name: 'RabbitMQ 3.10 quorum queue',
    type: 'quorum',
    durability: 'fsync of its log before the confirm, shared',
    isSynced: true,
  }),
  rabbit({
    name: 'RabbitMQ 3.10 stream, over AMQP',
    type: 'stream',
    durability: 'none: page cache',
    isSynced: false,
  }),
];
