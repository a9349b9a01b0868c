/**
 * Payments added up in SQLite, each exactly once: stop this process however you like, start it again, and the sums are right.
 *
 *     npm install millrace node-sqlite3-wasm
 *     node exactly-once-sqlite.mjs 127.0.0.1:7400 payments ./payments.sqlite
 *
 * Records are JSON such as {"account":"ada","amount":3}. A row of `progress` says how far a partition has come; it changes in
 * the same transaction as the sums.
 */
import { rmSync } from 'node:fs';
import { EffectConsumer } from 'millrace';
import sqlite from 'node-sqlite3-wasm';

const [bootstrap = '127.0.0.1:7400', topic = 'payments', file = './payments.sqlite'] = process.argv.slice(2);

// This driver locks with a directory, which stays behind when its process is killed. One process uses the file: this one.
rmSync(`${file}.lock`, { recursive: true, force: true });
const database = new sqlite.Database(file);
database.exec(`
  CREATE TABLE IF NOT EXISTS progress (
    grp TEXT, topic TEXT, part INTEGER, epoch INTEGER, next INTEGER, PRIMARY KEY (grp, topic, part));
  CREATE TABLE IF NOT EXISTS effects (part INTEGER, record INTEGER, account TEXT, amount INTEGER);
  CREATE INDEX IF NOT EXISTS effects_of ON effects (part, record);
`);

/** One connection, so that one transaction follows the other. */
class SqliteStore {
  #last = Promise.resolve();

  transaction(work) {
    const result = this.#last.then(async () => {
      database.exec('BEGIN IMMEDIATE');
      try {
        const value = await work(database);
        database.exec('COMMIT');
        return value;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  read(transaction, { group, topic: name, partition }) {
    const row = transaction.get('SELECT epoch, next FROM progress WHERE grp = ? AND topic = ? AND part = ?', [
      group,
      name,
      partition,
    ]);
    return row === null || row === undefined ? undefined : { epoch: Number(row.epoch), offset: Number(row.next) };
  }

  write(transaction, { group, topic: name, partition }, { epoch, offset }) {
    transaction.run('INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?)', [group, name, partition, epoch, offset]);
  }
}

const payments = new EffectConsumer({
  consumer: { bootstrap, group: 'accounting', topics: [topic], from: 'beginning' },
  store: new SqliteStore(),
  eachRecord: ({ partition, offset, value }, transaction) => {
    const { account, amount } = JSON.parse(Buffer.from(value).toString());
    transaction.run('INSERT INTO effects VALUES (?, ?, ?, ?)', [partition, offset, account, amount]);
  },
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void payments.close());
process.stdout.write('ready\n');
await payments.run();
database.close();
