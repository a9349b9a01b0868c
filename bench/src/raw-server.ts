/**
 * The server half of the raw pipeline: socket to file to socket with the same sync policy as a broker and no protocol.
 * What arrives is written at once; one fdatasync is in flight at a time, and everything written meanwhile shares the
 * next; after each, the count of durable bytes (8 bytes, big endian) goes back. `read` streams the file to the client.
 *
 * Run as a child process: `raw-server.js FILE`; prints its port.
 */
import { closeSync, fdatasync, openSync, readSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';

const file = process.argv[2];
if (file === undefined) throw new Error('usage: raw-server.js FILE');
const descriptor = openSync(file, 'w+');
const readBytes = 256 * 1024;
const sendHighWaterBytes = 4 * 1024 * 1024;

let written = 0;
let durable = 0;
let syncing = false;

const server = createServer({ noDelay: true }, (socket) => {
  socket.once('data', (first: Buffer) => {
    // The first byte says what the connection is for.
    if (first[0] === 0x72) sendFile(socket);
    else {
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
  });
}

function sendFile(socket: Socket): void {
  let position = 0;
  const pump = (): void => {
    while (position < durable) {
      const buffer = Buffer.allocUnsafe(readBytes);
      const count = readSync(descriptor, buffer, 0, Math.min(readBytes, durable - position), position);
      position += count;
      socket.write(buffer.subarray(0, count));
      if (socket.writableLength > sendHighWaterBytes) {
        socket.once('drain', pump);
        return;
      }
    }
    socket.end();
  };
  pump();
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
