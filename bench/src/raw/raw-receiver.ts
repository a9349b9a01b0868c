/**
 * The last process of the raw pipeline: `raw-receiver.js PORT WARMUP_BYTES BYTES` reads that much and looks at none of
 * it. Prints its span, which begins when the warm-up has arrived.
 */
import { connect } from 'node:net';
import { processSpan } from '../nodes/process-span.js';

const [port = 0, warmupBytes = 0, bytes = 0] = process.argv.slice(2).map(Number);

let received = 0;
let span = processSpan();
let isWarm = warmupBytes === 0;
const socket = connect({
  port,
  host: '127.0.0.1',
  onread: {
    buffer: Buffer.allocUnsafe(256 * 1024),
    callback: (count) => {
      received += count;
      if (!isWarm && received >= warmupBytes) {
        isWarm = true;
        span = processSpan();
      }
      if (received === warmupBytes + bytes) {
        process.stdout.write(`${JSON.stringify(span())}\n`);
        socket.destroy();
      }
      return true;
    },
  },
});
socket.write('r');
