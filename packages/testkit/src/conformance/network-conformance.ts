/** What every `Network` must do, as tests: run against the real one and the simulated one. */
import { completion, errorCode, type Address, type Network, type Socket } from '@millrace/base';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

export interface NetworkFixture {
  readonly network: Network;
  /** Where the network listens and connects. */
  readonly host: string;
  /** Waits for a promise, making time pass where it is virtual. */
  readonly settle: <Value>(promise: Promise<Value>) => Promise<Value>;
}

/** One end of a connection, with what happened to it. */
interface Endpoint {
  readonly socket: Socket;
  readonly chunks: Uint8Array[];
  readonly closed: Promise<Error | undefined>;
  receivedBytes: number;
  drains: number;
  isClosed: boolean;
  /** Called after each event. */
  changed: () => void;
}

export function networkConformance(name: string, create: () => NetworkFixture): void {
  describe(`the network of ${name}`, () => {
    let fixture: NetworkFixture;
    let network: Network;
    let opened: Endpoint[];
    let closers: (() => Promise<void>)[];

    beforeEach(() => {
      fixture = create();
      network = fixture.network;
      opened = [];
      closers = [];
    });

    afterEach(async () => {
      for (const endpoint of opened) endpoint.socket.destroy();
      await fixture.settle(Promise.all([...closers.map((close) => close()), ...opened.map(({ closed }) => closed)]));
    });

    const track = (socket: Socket): Endpoint => {
      const endpoint = endpointOf(socket);
      opened.push(endpoint);
      return endpoint;
    };

    const listen = async (): Promise<{ address: Address; accepted: Endpoint[]; next: () => Promise<Endpoint> }> => {
      const accepted: Endpoint[] = [];
      let arrival = completion();
      const listener = await network.listen({ host: fixture.host, port: 0 }, (socket) => {
        accepted.push(track(socket));
        arrival.resolve();
        arrival = completion();
      });
      closers.push(() => listener.close());
      const next = async (): Promise<Endpoint> => {
        if (accepted.length === 0) await arrival.promise;
        return accepted.shift() as Endpoint;
      };
      return { address: listener.address, accepted, next };
    };

    const pair = async (): Promise<{ client: Endpoint; server: Endpoint }> => {
      const { address, next } = await listen();
      const client = track(await network.connect({ host: fixture.host, port: address.port }));
      return { client, server: await next() };
    };

    const run =
      (scenario: () => Promise<void>): (() => Promise<void>) =>
      () =>
        fixture.settle(scenario());

    test(
      'a listener on port 0 gets a real port, and both ends know each other',
      run(async () => {
        const { address, next } = await listen();
        expect(address.port).toBeGreaterThan(0);
        const client = track(await network.connect({ host: fixture.host, port: address.port }));
        const server = await next();
        expect(client.socket.remote.port).toBe(address.port);
        expect(server.socket.remote.port).toBeGreaterThan(0);
      }),
    );

    test(
      'bytes arrive whole and in order, both ways at once',
      run(async () => {
        const { client, server } = await pair();
        const there = pattern(1, 1_000_000);
        const back = pattern(2, 600_000);
        for (const piece of pieces(there)) client.socket.write(piece);
        for (const piece of pieces(back)) server.socket.write(piece);
        await until(server, () => server.receivedBytes >= there.length);
        await until(client, () => client.receivedBytes >= back.length);
        expect(Buffer.concat(server.chunks).equals(there)).toBe(true);
        expect(Buffer.concat(client.chunks).equals(back)).toBe(true);
      }),
    );

    test(
      'the side that accepted may speak first',
      run(async () => {
        const { address, next } = await listen();
        const connecting = network.connect({ host: fixture.host, port: address.port });
        const server = await next();
        server.socket.write(pattern(3, 10));
        const client = track(await connecting);
        await until(client, () => client.receivedBytes === 10);
        expect(Buffer.concat(client.chunks).equals(pattern(3, 10))).toBe(true);
      }),
    );

    test(
      'an empty write sends nothing and breaks nothing',
      run(async () => {
        const { client, server } = await pair();
        client.socket.write(new Uint8Array(0));
        client.socket.write(pattern(4, 5));
        client.socket.write(new Uint8Array(0));
        await until(server, () => server.receivedBytes === 5);
        expect(client.socket.bufferedBytes).toBe(0);
      }),
    );

    test(
      'end sends what is queued; both ends close without an error',
      run(async () => {
        const { client, server } = await pair();
        const sent = pattern(5, 300_000);
        client.socket.write(sent);
        client.socket.end();
        expect(await server.closed).toBeUndefined();
        expect(await client.closed).toBeUndefined();
        expect(Buffer.concat(server.chunks).equals(sent)).toBe(true);
      }),
    );

    test(
      'the other end may still answer what it has queued when the stream ends',
      run(async () => {
        const { client, server } = await pair();
        const answer = pattern(6, 400_000);
        server.socket.write(answer);
        server.socket.end();
        await until(client, () => client.receivedBytes === answer.length);
        expect(await client.closed).toBeUndefined();
        expect(await server.closed).toBeUndefined();
      }),
    );

    test(
      'an end that meets much queued data closes both ends in order',
      run(async () => {
        const { client, server } = await pair();
        client.socket.pause();
        for (let count = 0; count < 200; count += 1) server.socket.write(pattern(16, 50_000));
        client.socket.write(pattern(17, 10));
        await until(server, () => server.receivedBytes === 10);
        // Comes while the first lot is still under way.
        server.socket.write(pattern(18, 50_000));
        client.socket.end();
        expect(await server.closed).toBeUndefined();
        expect(await client.closed).toBeUndefined();
        expect(server.socket.bufferedBytes).toBe(0);
      }),
    );

    test(
      'an end reaches a peer that keeps writing, whole',
      run(async () => {
        const { client, server } = await pair();
        server.changed = () => {
          if (server.receivedBytes > 0 && !server.isClosed) {
            server.changed = () => undefined;
            server.socket.write(pattern(7, 1000));
            server.socket.end();
          }
        };
        for (let count = 0; count < 50; count += 1) client.socket.write(pattern(8, 10_000));
        await client.closed;
        expect(Buffer.concat(client.chunks).equals(pattern(7, 1000))).toBe(true);
        await server.closed;
      }),
    );

    test(
      'a destroyed socket gets nothing more but its close, once; the peer closes too',
      run(async () => {
        const { client, server } = await pair();
        server.socket.write(pattern(9, 100_000));
        const reason = Object.assign(new Error('because'), { code: 'BECAUSE' });
        client.socket.destroy(reason);
        client.socket.destroy();
        const before = client.receivedBytes;
        expect(await client.closed).toBe(reason);
        await server.closed;
        expect(client.receivedBytes).toBe(before);
      }),
    );

    test(
      'writes after the close are dropped in silence',
      run(async () => {
        const { client, server } = await pair();
        client.socket.destroy();
        await client.closed;
        expect(client.socket.write(pattern(10, 10))).toBe(true);
        client.socket.end();
        client.socket.pause();
        client.socket.resume();
        expect(client.socket.bufferedBytes).toBe(0);
        await server.closed;
      }),
    );

    test(
      'a reader that pauses holds the writer back; resume lets everything through',
      run(async () => {
        const { client, server } = await pair();
        server.socket.pause();
        const chunk = pattern(11, 64 * 1024);
        let written = 0;
        let isFull = false;
        for (let count = 0; count < 2000 && !isFull; count += 1) {
          isFull = !client.socket.write(chunk);
          written += chunk.length;
        }
        expect(isFull).toBe(true);
        expect(client.socket.bufferedBytes).toBeGreaterThan(0);
        // More than the system's own buffers take, so that the writer stays full while the reader sleeps.
        for (let count = 0; count < 300; count += 1) {
          client.socket.write(chunk);
          written += chunk.length;
        }
        expect(client.drains).toBe(0);
        server.socket.resume();
        await until(client, () => client.drains > 0);
        expect(client.socket.bufferedBytes).toBe(0);
        await until(server, () => server.receivedBytes === written);
        expect(client.drains).toBe(1);
      }),
    );

    test(
      'pausing inside onData stops the next chunk',
      run(async () => {
        const { client, server } = await pair();
        let chunksBeforeResume = 0;
        server.changed = () => {
          chunksBeforeResume += 1;
          server.socket.pause();
          server.changed = () => {
            chunksBeforeResume += 1;
          };
        };
        client.socket.write(pattern(12, 3_000_000));
        await until(server, () => chunksBeforeResume > 0, false);
        // A round trip on another connection gives stray chunks time to come.
        const other = await pair();
        other.client.socket.write(pattern(13, 10));
        await until(other.server, () => other.server.receivedBytes === 10);
        expect(chunksBeforeResume).toBe(1);
        server.changed = () => undefined;
        server.socket.resume();
        await until(server, () => server.receivedBytes === 3_000_000);
      }),
    );

    test(
      'a closed port refuses',
      run(async () => {
        const { address } = await listen();
        await closers.pop()?.();
        const code = await rejectionCode(network.connect({ host: fixture.host, port: address.port }));
        expect(code).toBe('ECONNREFUSED');
      }),
    );

    test(
      'accepted sockets live on when the listener closes',
      run(async () => {
        const { client, server } = await pair();
        await closers.pop()?.();
        client.socket.write(pattern(14, 10));
        await until(server, () => server.receivedBytes === 10);
      }),
    );

    test(
      'two listeners cannot have one port',
      run(async () => {
        const { address } = await listen();
        const code = await rejectionCode(network.listen({ host: fixture.host, port: address.port }, () => undefined));
        expect(code).toBe('EADDRINUSE');
      }),
    );

    test(
      'an aborted connect rejects with the reason',
      run(async () => {
        const { address } = await listen();
        const target = { host: fixture.host, port: address.port };
        const reason = new Error('changed my mind');
        await expect(network.connect(target, AbortSignal.abort(reason))).rejects.toBe(reason);
        const controller = new AbortController();
        const connecting = network.connect(target, controller.signal);
        controller.abort(reason);
        await expect(connecting).rejects.toBe(reason);
      }),
    );

    test(
      'an abort after the connection is made does nothing to it',
      run(async () => {
        const { address, next } = await listen();
        const controller = new AbortController();
        const target = { host: fixture.host, port: address.port };
        const client = track(await network.connect(target, controller.signal));
        const server = await next();
        controller.abort();
        client.socket.write(pattern(15, 10));
        await until(server, () => server.receivedBytes === 10);
      }),
    );
  });
}

function endpointOf(socket: Socket): Endpoint {
  const closed = completion<Error | undefined>();
  const endpoint: Endpoint = {
    socket,
    chunks: [],
    closed: closed.promise,
    receivedBytes: 0,
    drains: 0,
    isClosed: false,
    changed: () => undefined,
  };
  socket.setHandler({
    onData: (chunk) => {
      expect(endpoint.isClosed).toBe(false);
      endpoint.chunks.push(new Uint8Array(chunk));
      endpoint.receivedBytes += chunk.length;
      endpoint.changed();
    },
    onDrain: () => {
      expect(endpoint.isClosed).toBe(false);
      endpoint.drains += 1;
      endpoint.changed();
    },
    onClose: (error) => {
      expect(endpoint.isClosed).toBe(false);
      endpoint.isClosed = true;
      closed.resolve(error);
      endpoint.changed();
    },
  });
  return endpoint;
}

/** Waits until the condition, asked after each event of the endpoint, holds. */
async function until(endpoint: Endpoint, condition: () => boolean, failsOnClose = true): Promise<void> {
  if (condition()) return;
  const done = completion();
  const { changed } = endpoint;
  endpoint.changed = () => {
    // Whoever replaced the callback meanwhile is called as well.
    changed();
    if (condition()) done.resolve();
    else if (failsOnClose && endpoint.isClosed) done.reject(new Error('the connection closed too early'));
  };
  await done.promise;
  endpoint.changed = changed;
}

function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    bytes[index] = state >>> 16;
  }
  return bytes;
}

/** Cuts of many sizes: single bytes, and more than any buffer. */
function pieces(bytes: Buffer): Buffer[] {
  const sizes = [1, 2, 61, 4096, 20_000, 100_000];
  const result: Buffer[] = [];
  for (let from = 0, index = 0; from < bytes.length; index += 1) {
    const size = sizes[index % sizes.length] as number;
    result.push(bytes.subarray(from, from + size));
    from += size;
  }
  return result;
}

function rejectionCode(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'no error', errorCode);
}
