/**
 * Payments added up in PostgreSQL, each exactly once, by as many processes as you like: kill any of them at any time.
 *
 *     npm install millrace pg
 *     node exactly-once-postgres.mjs 127.0.0.1:7400 payments postgres://127.0.0.1:5432/postgres
 *
 * Records are JSON such as {"account":"ada","amount":3}. A row of `progress` says how far a partition has come; it is locked
 * while records of the partition are applied, and changes in the same transaction as what they bring about.
 */
import { EffectConsumer } from 'millrace';
import pg from 'pg';

const [bootstrap = '127.0.0.1:7400', topic = 'payments', url] = process.argv.slice(2);

const pool = new pg.Pool({ connectionString: url, max: 4 });
await pool.query(`
  SELECT pg_advisory_lock(7400);
  CREATE TABLE IF NOT EXISTS progress (
    grp TEXT, topic TEXT, part INTEGER, epoch BIGINT, next BIGINT, PRIMARY KEY (grp, topic, part));
  CREATE TABLE IF NOT EXISTS effects (part INTEGER, record BIGINT, account TEXT, amount INTEGER);
  SELECT pg_advisory_unlock(7400);
`);

const store = {
  async transaction(work) {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const value = await work(client);
      await client.query('COMMIT');
      return value;
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  },

  /** There is a row to lock after this, also when nobody has stored anything yet. */
  async read(client, { group, topic: name, partition }) {
    const key = [group, name, partition];
    await client.query('INSERT INTO progress VALUES ($1, $2, $3, 0, -1) ON CONFLICT DO NOTHING', key);
    const select = 'SELECT epoch, next FROM progress WHERE grp = $1 AND topic = $2 AND part = $3 FOR UPDATE';
    const [row] = (await client.query(select, key)).rows;
    return { epoch: Number(row.epoch), offset: Number(row.next) };
  },

  async write(client, { group, topic: name, partition }, { epoch, offset }) {
    const update = 'UPDATE progress SET epoch = $4, next = $5 WHERE grp = $1 AND topic = $2 AND part = $3';
    await client.query(update, [group, name, partition, epoch, offset]);
  },
};

const payments = new EffectConsumer({
  consumer: { bootstrap, group: 'accounting', topics: [topic], from: 'beginning' },
  store,
  concurrency: 2,
  eachRecord: async ({ partition, offset, value }, client) => {
    const { account, amount } = JSON.parse(Buffer.from(value).toString());
    await client.query('INSERT INTO effects VALUES ($1, $2, $3, $4)', [partition, offset, account, amount]);
  },
});

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => void payments.close());
process.stdout.write('ready\n');
await payments.run();
await pool.end();
