/**
 * The first process of the raw pipeline: `raw-sender.js PORT BATCH_BYTES IN_FLIGHT WARMUP_BATCHES BATCHES` sends
 * batches, no more than IN_FLIGHT of them unacknowledged, and ends when the last byte is durable. Prints its span.
 */
import { connect } from 'node:net';
import { processSpan } from '../nodes/process-span.js';

const [port = 0, batchBytes = 0, inFlight = 0, warmupBatches = 0, batches = 0] = process.argv.slice(2).map(Number);
const batch = Buffer.alloc(batchBytes, 'millrace');

let sent = 0;
let durable = 0;
let goal = 0;
let reached = (): void => undefined;
const socket = connect({ port, host: '127.0.0.1', noDelay: true });

function fill(): void {
  for (; sent < goal && sent - durable < inFlight * batchBytes; sent += batchBytes) socket.write(batch);
}

function send(bytes: number): Promise<void> {
  return new Promise((resolve) => {
    goal += bytes;
    reached = resolve;
    if (bytes === 0) resolve();
    else fill();
  });
}

socket.on('data', (reply: Buffer) => {
  durable = Number(reply.readBigUInt64BE(reply.length - 8));
  if (durable === goal) reached();
  else fill();
});
socket.write('w');
await send(warmupBatches * batchBytes);
const span = processSpan();
await send(batches * batchBytes);
process.stdout.write(`${JSON.stringify(span())}\n`);
socket.destroy();
