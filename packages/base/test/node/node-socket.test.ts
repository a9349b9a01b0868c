/** What the conformance suite cannot ask of every network: how real sockets use memory and the system. */
import { createServer, connect, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { completion, type Socket } from '../../src/index.js';
import { NodeNetwork } from '../../src/node/index.js';

const host = '127.0.0.1';
const network = new NodeNetwork();
let cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.reverse()) await cleanup();
  cleanups = [];
});

async function listen(onData: (chunk: Uint8Array, socket: Socket) => void): Promise<number> {
  const listener = await network.listen({ host, port: 0 }, (socket) => {
    cleanups.push(() => {
      socket.destroy();
    });
    socket.setHandler({
      onData: (chunk) => {
        onData(chunk, socket);
      },
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  });
  cleanups.push(() => listener.close());
  return listener.address.port;
}

async function open(port: number, onData: (chunk: Uint8Array) => void = () => undefined): Promise<Socket> {
  const socket = await network.connect({ host, port });
  cleanups.push(() => {
    socket.destroy();
  });
  socket.setHandler({ onData, onDrain: () => undefined, onClose: () => undefined });
  return socket;
}

describe('sockets of one network', () => {
  test('read into one buffer, on both sides', async () => {
    const memory = new Set<ArrayBufferLike>();
    let answered = completion();
    const port = await listen((chunk, socket) => {
      memory.add(chunk.buffer);
      socket.write(chunk.slice());
    });
    for (let count = 0; count < 3; count += 1) {
      answered = completion();
      const socket = await open(port, (chunk) => {
        memory.add(chunk.buffer);
        answered.resolve();
      });
      socket.write(Uint8Array.of(count));
      await answered.promise;
    }
    expect(memory.size).toBe(1);
  });

  test('read into the memory of their handler while it names some, and lose or double nothing', async () => {
    const sentBytes = 3_000_000;
    const stream = Buffer.alloc(sentBytes);
    for (let index = 0; index < sentBytes; index += 1) stream[index] = (index * 7) % 251;
    const received = Buffer.alloc(sentBytes);
    let position = 0;
    const read = { intoOwn: 0, intoOther: 0 };
    const done = completion();
    const listener = await network.listen({ host, port: 0 }, (socket) => {
      cleanups.push(() => {
        socket.destroy();
      });
      socket.setHandler({
        // Now and then there is no wish, as between two messages.
        readInto: () => {
          const wished = position === 0 || position % 500_000 < 1000 ? 0 : 500_000 - (position % 500_000);
          return wished === 0 ? undefined : received.subarray(position, position + Math.min(wished, 100_000));
        },
        onData: (chunk) => {
          if (chunk.buffer === received.buffer) {
            expect(chunk.byteOffset).toBe(received.byteOffset + position);
            read.intoOwn += chunk.length;
          } else {
            received.set(chunk, position);
            read.intoOther += chunk.length;
          }
          position += chunk.length;
          if (position === sentBytes) done.resolve();
        },
        onDrain: () => undefined,
        onClose: () => undefined,
      });
    });
    cleanups.push(() => listener.close());
    const socket = await open(listener.address.port);
    socket.write(stream);
    await done.promise;
    expect(received.equals(stream)).toBe(true);
    expect(read.intoOwn).toBeGreaterThan(sentBytes / 2);
    expect(read.intoOther).toBeGreaterThan(0);
  });

  test('send the writes of one turn together, in order, without touching large ones', async () => {
    const chunks: number[] = [];
    const received: Uint8Array[] = [];
    const done = completion();
    const large = Buffer.alloc(40_000, 7);
    const port = await listen((chunk) => {
      chunks.push(chunk.length);
      received.push(chunk.slice());
      if (chunks.reduce((sum, length) => sum + length, 0) === 40_000 + 1200) done.resolve();
    });
    const socket = await open(port);
    for (let index = 0; index < 100; index += 1) socket.write(new Uint8Array(6).fill(index));
    socket.write(large);
    for (let index = 100; index < 200; index += 1) socket.write(new Uint8Array(6).fill(index));
    expect(socket.bufferedBytes).toBe(41_200);
    await done.promise;
    expect(chunks.length).toBeLessThanOrEqual(3);
    const expected = Buffer.concat([
      ...Array.from({ length: 100 }, (_, index) => Buffer.alloc(6, index)),
      large,
      ...Array.from({ length: 100 }, (_, index) => Buffer.alloc(6, index + 100)),
    ]);
    expect(Buffer.concat(received).equals(expected)).toBe(true);
    expect(socket.bufferedBytes).toBe(0);
  });

  test('tell a reset from an orderly end', async () => {
    const server = createServer((raw) => {
      raw.once('data', () => {
        raw.resetAndDestroy();
      });
    });
    server.listen(0, host);
    await once(server, 'listening');
    cleanups.push(() => server.close());
    const closed = completion<Error | undefined>();
    const socket = await network.connect({ host, port: (server.address() as AddressInfo).port });
    socket.setHandler({ onData: () => undefined, onDrain: () => undefined, onClose: closed.resolve });
    socket.write(Uint8Array.of(1));
    expect(await closed.promise).toMatchObject({ code: 'ECONNRESET' });
  });

  test('close at last when the peer keeps its side open', async () => {
    const port = await listen((_chunk, socket) => {
      socket.write(Uint8Array.of(1));
      socket.end();
    });
    const raw = connect({ host, port, allowHalfOpen: true });
    cleanups.push(() => raw.destroy());
    raw.write('hello');
    raw.resume();
    await once(raw, 'end');
    // The accepted side gives up waiting for our end; only then does writing fail.
    raw.on('error', () => undefined);
    const timer = setInterval(() => raw.write('more'), 50);
    cleanups.push(() => {
      clearInterval(timer);
    });
    await new Promise((resolve) => {
      raw.once('close', resolve);
    });
  });

  test('a name with several addresses fails with one plain error', async () => {
    const server = createServer();
    server.listen(0, host);
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    await expect(network.connect({ host: 'localhost', port })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });
});
