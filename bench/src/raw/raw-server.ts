/**
 * The middle of the raw pipeline: socket to file to socket with the sync policy of a broker, and no protocol.
 *
 *     sender --> one write per chunk --> file --> durable bytes --> receivers
 *           <-- count of durable bytes (8 bytes, big endian) after each fdatasync
 *
 * One fdatasync is in flight at a time, and everything written meanwhile shares the next. A receiver is sent the file
 * from its start, live behind the sync, and never a byte that is not durable. Reads go into pooled buffers: one owner
 * at a time, given back when the socket has written them.
 *
 * Run as a child process: `raw-server.js FILE`; prints its port. The first byte on a connection says what it is for:
 * `w` sends, `r` receives.
 */
import { closeSync, fdatasync, openSync, readSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: raw-server.js FILE');
const descriptor = openSync(file, 'w+');
const readBytes = 256 * 1024;
/** Of one receiver: what waits in its socket is at most this many reads. */
const maxReadsUnsent = 8;

let written = 0;
let durable = 0;
let syncing = false;
const receivers = new Set<Receiver>();

class Receiver {
  readonly #socket: Socket;
  readonly #free = Array.from({ length: maxReadsUnsent }, () => Buffer.allocUnsafeSlow(readBytes));
  #position = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  pump(): void {
    while (this.#position < durable) {
      const buffer = this.#free.pop();
      if (buffer === undefined) return;
      const count = readSync(descriptor, buffer, 0, Math.min(readBytes, durable - this.#position), this.#position);
      this.#position += count;
      this.#socket.write(buffer.subarray(0, count), () => {
        this.#free.push(buffer);
        this.pump();
      });
    }
  }
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.once('data', (first: Buffer) => {
    if (first.toString('latin1', 0, 1) === 'r') {
      const receiver = new Receiver(socket);
      receivers.add(receiver);
      socket.on('close', () => receivers.delete(receiver));
      receiver.pump();
    } else {
      receive(socket, first.subarray(1));
      socket.on('data', (chunk: Buffer) => {
        receive(socket, chunk);
      });
    }
  });
  socket.on('error', () => {
    socket.destroy();
  });
});

function receive(socket: Socket, chunk: Buffer): void {
  for (let at = 0; at < chunk.length;) at += writeSync(descriptor, chunk, at, chunk.length - at, written + at);
  written += chunk.length;
  sync(socket);
}

function sync(socket: Socket): void {
  if (syncing || durable === written) return;
  syncing = true;
  const upTo = written;
  fdatasync(descriptor, (error) => {
    if (error !== null) throw error;
    syncing = false;
    durable = upTo;
    const reply = Buffer.allocUnsafe(8);
    reply.writeBigUInt64BE(BigInt(durable));
    socket.write(reply);
    sync(socket);
    for (const receiver of receivers) receiver.pump();
  });
}

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  process.stdout.write(`${address.port}\n`);
});

process.on('SIGTERM', () => {
  closeSync(descriptor);
  process.exit(0);
});
