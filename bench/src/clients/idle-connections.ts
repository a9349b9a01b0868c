/** `idle-connections.js BOOTSTRAP COUNT`: opens so many connections, prints a line when all are there, and keeps them. */
import { Admin } from 'millrace';

const [bootstrap = '', count = '1'] = process.argv.slice(2);
/** So many at a time: a thousand at once would measure how they are accepted. */
const atOnce = 50;

const clients: Admin[] = [];
while (clients.length < Number(count)) {
  const next = Array.from({ length: Math.min(atOnce, Number(count) - clients.length) }, () => new Admin({ bootstrap }));
  clients.push(...next);
  await Promise.all(next.map((client) => client.describeCluster()));
}
process.stdout.write(`${clients.length}\n`);
process.on('SIGTERM', () => process.exit(0));
setInterval(() => undefined, 1 << 30);
