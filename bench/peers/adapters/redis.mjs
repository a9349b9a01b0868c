/** Redis: streams, and BullMQ as a work queue on top of it. Commands are pipelined by the client. */
import { freePort, hasProgram, startServer } from '../server-process.mjs';

const stream = 'peers';

async function startRedis(directory, appendfsync) {
  const port = await freePort();
  const persistence = ['--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''];
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory];
  return { port, server: await startServer('redis-server', [...where, ...persistence], { port }) };
}

const missing = () => (hasProgram('redis-server') ? undefined : 'no redis-server');

const redisStream = (name, appendfsync, durability) => ({
  name,
  durability,
  isSynced: appendfsync === 'always',
  missing,
  start: async (directory) => {
    const { createClient, RESP_TYPES } = await import('redis');
    const { port, server } = await startRedis(directory, appendfsync);
    const client = createClient({ socket: { port, host: '127.0.0.1' } });
    await client.connect();
    return {
      server,
      callsInFlight: 1000,
      valuesPerCall: 1,
      send: ([value]) => client.xAdd(stream, '*', { v: value }),
      consume: async (count) => {
        const reader = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
        let [seen, id] = [0, '0'];
        while (seen < count) {
          const [read] = await reader.xRead({ key: stream, id }, { COUNT: 1000 });
          seen += read.messages.length;
          id = String(read.messages.at(-1).id);
        }
      },
      close: () => client.close(),
    };
  },
});

const bullmq = {
  name: 'BullMQ 6 (work queue), Redis appendfsync=everysec',
  durability: 'none before the acknowledgement: fsync each second',
  isSynced: false,
  missing,
  start: async (directory) => {
    const { Queue, Worker } = await import('bullmq');
    const { port, server } = await startRedis(directory, 'everysec');
    const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null };
    const queue = new Queue(stream, { connection });
    return {
      server,
      callsInFlight: 5,
      valuesPerCall: 200,
      send: (values) => queue.addBulk(values.map((value) => ({ name: 'j', data: value.toString('latin1') }))),
      consume: (count) =>
        new Promise((resolve, reject) => {
          let seen = 0;
          const work = () => {
            seen += 1;
            if (seen === count) worker.close().then(resolve, reject);
            return Promise.resolve();
          };
          const worker = new Worker(stream, work, { connection, concurrency: 100, removeOnComplete: { count: 0 } });
        }),
      close: () => queue.close(),
    };
  },
};

export const adapters = [
  redisStream('Redis 7 stream, appendfsync=everysec', 'everysec', 'none before the acknowledgement: fsync each second'),
  redisStream('Redis 7 stream, appendfsync=always', 'always', 'fsync before the reply, shared by a turn'),
  bullmq,
];
