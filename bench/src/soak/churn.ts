/**
 * What goes on during a soak beside the steady load: producers that come, send and go, members that join a group, read
 * and leave, and a topic that is made and deleted, again and again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Consumer, Producer } from 'millrace';

export interface ChurnCounts {
  producers: number;
  members: number;
  topics: number;
  records: number;
}

const everyMs = 500;
const memberStaysMs = 4000;
const recordsOfProducer = 50;

export async function churn(bootstrap: string, topic: string, stop: AbortSignal): Promise<ChurnCounts> {
  const counts: ChurnCounts = { producers: 0, members: 0, topics: 0, records: 0 };
  const again = async (turn: () => Promise<void>): Promise<void> => {
    while (!stop.aborted) {
      await turn();
      await sleep(everyMs);
    }
  };
  await using admin = new Admin({ bootstrap });
  await Promise.all([
    again(async () => {
      await using producer = new Producer({ bootstrap });
      const records = Array.from({ length: recordsOfProducer }, (_, index) => ({ value: `churn ${index}` }));
      await producer.sendBatch({ topic, records });
      counts.producers += 1;
    }),
    ...['first', 'second'].map((group) =>
      again(async () => {
        counts.records += await member(bootstrap, topic, group);
        counts.members += 1;
      }),
    ),
    again(async () => {
      const name = `come-and-go-${counts.topics}`;
      await admin.createTopic({ name, partitions: 4 });
      await admin.deleteTopic(name);
      counts.topics += 1;
    }),
  ]);
  return counts;
}

/** Joins, reads for a while, commits and leaves. */
async function member(bootstrap: string, topic: string, group: string): Promise<number> {
  await using consumer = new Consumer({ bootstrap, topics: [topic], group, from: 'end' });
  const timer = setTimeout(() => void consumer.close(), memberStaysMs);
  let records = 0;
  for await (const batch of consumer.batches()) {
    for (const record of batch) if (record.value !== null) records += 1;
    batch.release();
  }
  clearTimeout(timer);
  return records;
}
