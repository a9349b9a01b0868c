/** Apache Kafka as one KRaft node, from the Java archive of Maven Central. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, hasProgram, startServer } from '../server-process.mjs';

// The client wants this of a newer Node.js than the oldest that Millrace runs on.
Promise.withResolvers ??= function withResolvers() {
  const capability = {};
  capability.promise = new Promise((resolve, reject) => Object.assign(capability, { resolve, reject }));
  return capability;
};

const jars = fileURLToPath(new URL('../kafka/lib', import.meta.url));
const topic = 'peers';
const java = (...args) => ['-Xmx512m', '-Xms512m', '-cp', `${jars}/*`, ...args];

const kafka = (name, isSynced) => ({
  name,
  durability: isSynced ? 'fsync of each message set (flush.messages=1)' : 'none: page cache (its default)',
  isSynced,
  missing: () => {
    if (!hasProgram('java')) return 'no java';
    return existsSync(jars) ? undefined : 'kafka/lib is not there: run install.sh';
  },
  start: async (directory) => {
    const { Consumer, Producer, Admin, MessagesStreamModes } = await import('@platformatic/kafka');
    const [port, controllerPort] = [await freePort(), await freePort()];
    const config = join(directory, 'server.properties');
    writeFileSync(config, properties({ directory, port, controllerPort, isSynced }));
    const formatted = spawnSync(
      'java',
      java('kafka.tools.StorageTool', 'format', '-t', 'peersAAAAAAAAAAAAAAAAAA', '-c', config),
    );
    if (formatted.status !== 0) throw new Error(`Kafka could not format: ${formatted.stdout}${formatted.stderr}`);
    const server = await startServer('java', java('kafka.Kafka', config), { port });
    const client = { clientId: 'peers', bootstrapBrokers: [`127.0.0.1:${port}`] };
    const admin = new Admin(client);
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
    await admin.close();
    const producer = new Producer({ ...client, acks: -1 });
    return {
      server,
      callsInFlight: 5,
      valuesPerCall: 2000,
      send: (values) => producer.send({ messages: values.map((value) => ({ topic, partition: 0, value })) }),
      consume: async (count) => {
        const consumer = new Consumer({ ...client, groupId: `peers-${count}` });
        const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, maxWaitTime: 50 });
        let seen = 0;
        for await (const message of stream) {
          if (message.value.length > 0) seen += 1;
          if (seen >= count) break;
        }
        await consumer.close(true);
      },
      close: () => producer.close(),
    };
  },
});

function properties({ directory, port, controllerPort, isSynced }) {
  return [
    'process.roles=broker,controller',
    'node.id=1',
    `controller.quorum.voters=1@127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'controller.listener.names=CONTROLLER',
    `log.dirs=${join(directory, 'logs')}`,
    'offsets.topic.replication.factor=1',
    'offsets.topic.num.partitions=1',
    'group.initial.rebalance.delay.ms=0',
    ...(isSynced ? ['log.flush.interval.messages=1'] : []),
  ].join('\n');
}

export const adapters = [kafka('Apache Kafka 4.0', false), kafka('Apache Kafka 4.0, flush.messages=1', true)];
