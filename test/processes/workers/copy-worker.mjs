/**
 * A member of a group that writes for each record it reads where it came from, exactly once:
 *
 *     node copy-worker.mjs BOOTSTRAP TRANSACTIONAL_ID GROUP INPUT OUTPUT OUTPUT_PARTITIONS
 *
 * Ends with SIGTERM.
 */
import { Consumer } from '@millrace/consumer';
import { Producer } from '@millrace/producer';

const [bootstrap, transactionalId, group, input, output, partitions] = process.argv.slice(2);
const producer = new Producer({ bootstrap, transactionalId, transactionTimeoutMs: 15_000, deliveryTimeoutMs: 60_000 });
const consumer = new Consumer({
  bootstrap,
  group,
  topics: [input],
  from: 'beginning',
  delivery: 'exactly-once',
  partitionFetchMaxBytes: 4000,
});
process.on('SIGTERM', () => void consumer.close());

await consumer.transact({
  producer,
  eachBatch: async (batch, tx) => {
    for (const { offset } of batch) {
      const record = { topic: output, partition: offset % Number(partitions), value: `${batch.partition}:${offset}` };
      while (!tx.enqueue(record)) await tx.ready();
    }
  },
});
await producer.close();
