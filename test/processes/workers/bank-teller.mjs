/**
 * Moves money between accounts, one transfer a transaction: a debit in one partition, a credit in another. Every fourth is
 * aborted. Says what it was told of each:
 *
 *     node bank-teller.mjs BOOTSTRAP TRANSACTIONAL_ID INCARNATION TOPIC PARTITIONS
 *
 * Ends with SIGTERM; with exit code 3 when another has taken its transactional id.
 */
import { Producer } from '@millrace/producer';

const [bootstrap, transactionalId, incarnation, topic, partitions] = process.argv.slice(2);
const producer = new Producer({ bootstrap, transactionalId, transactionTimeoutMs: 15_000, deliveryTimeoutMs: 60_000 });
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

let isRunning = true;
process.on('SIGTERM', () => {
  isRunning = false;
});

class Doomed extends Error {}

for (let number = 0; isRunning; number += 1) {
  const id = `${transactionalId}/${incarnation}/${number}`;
  const isDoomed = number % 4 === 3;
  const amount = 1 + (number % 97);
  const from = number % Number(partitions);
  const to = (number * 7 + 1) % Number(partitions);
  try {
    await producer.transaction(async (tx) => {
      const debit = tx.send({ topic, partition: from, value: JSON.stringify({ id, amount: -amount, isDoomed }) });
      const credit = tx.send({ topic, partition: to, value: JSON.stringify({ id, amount, isDoomed }) });
      // Half of them are sent before they are given up, the others are only on their way.
      if (number % 8 !== 3) await Promise.all([debit, credit]);
      if (isDoomed) throw new Doomed();
    });
    say({ committed: id });
  } catch (error) {
    if (error.code === 'PRODUCER_FENCED') {
      say({ fenced: id, message: error.message });
      process.exit(3);
    }
    say(error instanceof Doomed ? { aborted: id } : { failed: id, message: `${error.code}: ${error.message}` });
  }
}
await producer.close();
