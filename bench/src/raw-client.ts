/**
 * The client half of the raw pipeline: `raw-client.js PORT BYTES BATCH_BYTES IN_FLIGHT` sends that many bytes in
 * batches, no more than IN_FLIGHT unacknowledged, then reads all of it back. Prints one JSON line with both times.
 */
import { connect } from 'node:net';

const [port = 0, totalBytes = 0, batchBytes = 0, inFlight = 0] = process.argv.slice(2).map(Number);

function send(): Promise<number> {
  return new Promise((resolve, reject) => {
    const batch = Buffer.alloc(batchBytes, 'millrace');
    const startedMs = performance.now();
    let sent = 0;
    let durable = 0;
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const fill = (): void => {
      while (sent < totalBytes && sent - durable < inFlight * batchBytes) {
        const bytes = Math.min(batchBytes, totalBytes - sent);
        socket.write(bytes === batchBytes ? batch : batch.subarray(0, bytes));
        sent += bytes;
      }
    };
    socket.on('connect', () => {
      socket.write('p');
      fill();
    });
    socket.on('data', (reply: Buffer) => {
      durable = Number(reply.readBigUInt64BE(reply.length - 8));
      if (durable === totalBytes) {
        socket.end();
        resolve((performance.now() - startedMs) / 1000);
      } else fill();
    });
    socket.on('error', reject);
  });
}

function readBack(): Promise<number> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    let received = 0;
    const socket = connect({
      port,
      host: '127.0.0.1',
      onread: {
        buffer: Buffer.allocUnsafe(256 * 1024),
        callback: (count) => {
          received += count;
          return true;
        },
      },
    });
    socket.on('connect', () => socket.write('r'));
    socket.on('error', reject);
    socket.on('close', () => {
      if (received === totalBytes) resolve((performance.now() - startedMs) / 1000);
      else reject(new Error(`read ${received} of ${totalBytes} bytes`));
    });
  });
}

const produceSeconds = await send();
const consumeSeconds = await readBack();
process.stdout.write(`${JSON.stringify({ produceSeconds, consumeSeconds })}\n`);
