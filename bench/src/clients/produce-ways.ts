/**
 * `produce-ways.js BOOTSTRAP RECORD-BYTES RECORDS-PER-TRANSACTION RUN-MS ROUNDS PRODUCERS`: the same records without idempotence,
 * with it, and in transactions, one way after the other in each round; by one producer, and by so many at once. Prints the
 * records a second of each way by round.
 *
 * All ways are in one process, so that each runs the same compiled code; each round begins with another one.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Admin, Producer } from 'millrace';

const [
  bootstrap = '',
  recordBytes = '100',
  recordsPerTransaction = '1000',
  runMs = '1000',
  rounds = '1',
  producers = '8',
] = process.argv.slice(2);
const topic = 'ways';
/** Handed over before the event loop gets a turn to send them. */
const recordsPerTurn = 500;
const value = Buffer.alloc(Number(recordBytes), 'v');

type Sends = Pick<Producer, 'enqueue' | 'ready'>;

await using admin = new Admin({ bootstrap });
await admin.createTopic({ name: topic, partitions: 1 });
await using plainProducer = new Producer({ bootstrap, idempotent: false });
await using oneInFlightProducer = new Producer({ bootstrap, maxInFlightRequests: 1 });
await using idempotentProducer = new Producer({ bootstrap });
await using transactionalProducer = new Producer({ bootstrap, transactionalId: 'ways' });
const indexes = Array.from({ length: Number(producers) }, (_, index) => index);
const idempotentCrew = indexes.map(() => new Producer({ bootstrap }));
const transactionalCrew = indexes.map((index) => new Producer({ bootstrap, transactionalId: `ways-${index}` }));

const ways = {
  plain: (forMs: number) => stream(plainProducer, forMs),
  oneInFlight: (forMs: number) => stream(oneInFlightProducer, forMs),
  idempotent: (forMs: number) => stream(idempotentProducer, forMs),
  inSteps: (forMs: number) => steps(idempotentProducer, forMs),
  transactional: (forMs: number) => transactions(transactionalProducer, forMs),
  idempotentTogether: (forMs: number) => together(idempotentCrew, (producer) => stream(producer, forMs)),
  transactionalTogether: (forMs: number) => together(transactionalCrew, (producer) => transactions(producer, forMs)),
};
type Way = keyof typeof ways;
const names = Object.keys(ways) as Way[];

const speeds = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Way, number[]>;
for (const way of names) await ways[way](Number(runMs));
for (let round = 0; round < Number(rounds); round += 1) {
  for (let index = 0; index < names.length; index += 1) {
    const way = names[(round + index) % names.length] ?? 'plain';
    speeds[way].push(await ways[way](Number(runMs)));
  }
}
await Promise.all([...idempotentCrew, ...transactionalCrew].map((producer) => producer.close()));
process.stdout.write(`${JSON.stringify(speeds)}\n`);

/** Records a second, until the last is acknowledged. */
async function stream(producer: Producer, forMs: number): Promise<number> {
  const startedMs = performance.now();
  let records = 0;
  for (; performance.now() - startedMs < forMs; records += recordsPerTurn) await hand(producer, recordsPerTurn);
  await producer.flush();
  return (records / (performance.now() - startedMs)) * 1000;
}

/** As many records at a time as a transaction has, each time until all are acknowledged. */
async function steps(producer: Producer, forMs: number): Promise<number> {
  const startedMs = performance.now();
  const size = Number(recordsPerTransaction);
  let records = 0;
  for (; performance.now() - startedMs < forMs; records += size) {
    await hand(producer, size);
    await producer.flush();
  }
  return (records / (performance.now() - startedMs)) * 1000;
}

/** All at once, about for the same time. */
async function together(crew: readonly Producer[], run: (producer: Producer) => Promise<number>): Promise<number> {
  const each = await Promise.all(crew.map(run));
  return each.reduce((sum, recordsPerSecond) => sum + recordsPerSecond, 0);
}

async function transactions(producer: Producer, forMs: number): Promise<number> {
  const startedMs = performance.now();
  const size = Number(recordsPerTransaction);
  let records = 0;
  for (; performance.now() - startedMs < forMs; records += size) await producer.transaction((tx) => hand(tx, size));
  return (records / (performance.now() - startedMs)) * 1000;
}

async function hand(to: Sends, records: number): Promise<void> {
  for (let handed = 0; handed < records;) {
    const end = Math.min(records, handed + recordsPerTurn);
    while (handed < end && to.enqueue({ topic, value }, onDelivery)) handed += 1;
    if (handed < end) await to.ready();
    else await nextTurn();
  }
}

function onDelivery(error?: Error): void {
  if (error === undefined) return;
  process.stderr.write(`not acknowledged: ${error.message}\n`);
  process.exit(1);
}
