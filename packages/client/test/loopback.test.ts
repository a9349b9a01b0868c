import { nodeEnvironment } from '@millrace/base/node';
import { fetchApi, produceApi } from '@millrace/protocol';
import { expect, test } from 'vitest';
import { ClusterClient } from '../src/index.js';
import { metadata, ScriptedServer } from './scripted-server.js';

test('over real sockets: large payloads both ways, pipelined, and a clean end', async () => {
  const server = await ScriptedServer.listen(nodeEnvironment(), { port: 0 });
  const { port } = server;
  server.setMetadata(metadata({ nodes: [{ nodeId: 1, host: '127.0.0.1', port, rack: null }] }));
  const batch = Buffer.alloc(900_000, 'millrace ');
  let received = 0;
  server.on(produceApi, ({ payload, reply }) => {
    received += batch.equals(payload) ? 1 : 0;
    reply({ partitions: [] });
  });
  server.on(fetchApi, ({ reply }) => reply({ partitions: [] }, [batch]));

  await using client = new ClusterClient({ bootstrap: `127.0.0.1:${port}` });
  await client.refresh();
  const produce = { acks: 1, timeoutMs: 1000, transactionalId: null, partitions: [] } as const;
  await Promise.all(Array.from({ length: 20 }, () => client.call({ node: 1 }, produceApi, produce, [batch])));
  expect(received).toBe(20);
  const fetch = { maxWaitMs: 0, minBytes: 0, maxBytes: 1, isolation: 'read-committed', partitions: [] } as const;
  const replies = await Promise.all(Array.from({ length: 20 }, () => client.call({ node: 1 }, fetchApi, fetch)));
  expect(replies.filter(({ payload }) => batch.equals(payload))).toHaveLength(20);
  await server.close();
});
