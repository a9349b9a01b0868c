/**
 * `many-consumers.js BOOTSTRAP TOPIC COUNT RECORDS`: so many consumers in this process, each of which reads so many records
 * from the beginning. Prints the bytes of all and the seconds from the first to the last.
 */
import { Consumer } from 'millrace';

const [bootstrap = '', topic = '', count = '1', records = '1'] = process.argv.slice(2);

let bytes = 0;
const startedMs = performance.now();
await Promise.all(Array.from({ length: Number(count) }, read));
process.stdout.write(`${JSON.stringify({ bytes, seconds: (performance.now() - startedMs) / 1000 })}\n`);

async function read(): Promise<void> {
  await using consumer = new Consumer({ bootstrap, topics: [topic], from: 'beginning' });
  let received = 0;
  for await (const batch of consumer.batches()) {
    for (const { value } of batch) {
      received += 1;
      bytes += value?.length ?? 0;
    }
    batch.release();
    if (received >= Number(records)) return;
  }
}
