import { errorCode, type Environment, type Socket } from '@millrace/base';
import { beforeEach, describe, expect, test } from 'vitest';
import { Simulation } from '../../src/index.js';

interface End {
  readonly socket: Socket;
  readonly received: number[];
  /** Undefined while open; the code, or 'in order'. */
  closed: string | undefined;
}

let simulation: Simulation;

beforeEach(() => {
  simulation = new Simulation({ seed: 11 });
});

function endOf(socket: Socket): End {
  const end: End = { socket, received: [], closed: undefined };
  socket.setHandler({
    onData: (chunk) => end.received.push(...chunk),
    onDrain: () => undefined,
    onClose: (error) => {
      end.closed = error === undefined ? 'in order' : errorCode(error);
    },
  });
  return end;
}

/** A connection from `a` to `b`. */
async function connected(b: Environment = simulation.environment('b'), port = 9): Promise<{ near: End; far: End }> {
  const a = simulation.environment('a');
  const accepted: End[] = [];
  await simulation.complete(b.network.listen({ host: 'b', port }, (socket) => accepted.push(endOf(socket))));
  const near = endOf(await simulation.complete(a.network.connect({ host: 'b', port })));
  await simulation.runFor(5);
  return { near, far: accepted[0] as End };
}

describe('cut links', () => {
  test('hold one direction and not the other; what was sent arrives in order after healing', async () => {
    const { near, far } = await connected();
    simulation.network.cut('a', 'b');
    near.socket.write(Uint8Array.of(1));
    await simulation.runFor(50);
    near.socket.write(Uint8Array.of(2, 3));
    far.socket.write(Uint8Array.of(9));
    await simulation.runFor(5000);
    expect(far.received).toEqual([]);
    expect(near.received).toEqual([9]);
    simulation.network.heal('a', 'b');
    near.socket.write(Uint8Array.of(4));
    await simulation.runFor(50);
    expect(far.received).toEqual([1, 2, 3, 4]);
  });

  test('stop a sender whose acknowledgements are lost once its window is full', async () => {
    const { near, far } = await connected();
    simulation.network.cut('b', 'a');
    near.socket.write(new Uint8Array(500_000));
    await simulation.runFor(5000);
    expect(far.received.length).toBeGreaterThan(0);
    expect(far.received.length).toBeLessThan(500_000);
    expect(near.socket.bufferedBytes).toBeGreaterThan(0);
    simulation.network.heal();
    await simulation.runFor(5000);
    expect(far.received.length).toBe(500_000);
    expect(near.socket.bufferedBytes).toBe(0);
  });

  test('an end or a destroy behind a cut arrives after healing', async () => {
    const first = await connected();
    const second = await connected(simulation.environment('b'), 10);
    simulation.network.cut('a', 'b');
    first.near.socket.write(Uint8Array.of(1));
    first.near.socket.end();
    second.near.socket.destroy();
    await simulation.runFor(5000);
    expect([first.near.closed, second.near.closed]).toEqual(['in order', 'in order']);
    expect([first.far.closed, second.far.closed]).toEqual([undefined, undefined]);
    simulation.network.heal();
    await simulation.runFor(5000);
    expect(first.far.received).toEqual([1]);
    expect([first.far.closed, second.far.closed]).toEqual(['in order', 'in order']);
  });

  test('a partition cuts both ways between groups, and not inside them', async () => {
    for (const name of ['a', 'b', 'c']) simulation.environment(name);
    simulation.network.partition(['a', 'b'], ['c']);
    const c = simulation.environment('c');
    await simulation.complete(c.network.listen({ host: 'c', port: 1 }, () => undefined));
    await connected();
    const { network } = simulation.environment('a');
    await expect(simulation.complete(network.connect({ host: 'c', port: 1 }))).rejects.toMatchObject({
      code: 'ETIMEDOUT',
    });
  });
});

describe('broken connections', () => {
  test('a reset drops what was on its way, at any byte, and both ends see it', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      simulation = new Simulation({ seed });
      const { near, far } = await connected();
      near.socket.write(new Uint8Array(60_000));
      await simulation.runFor(0.8);
      simulation.network.reset('a', 'b');
      await simulation.runFor(50);
      expect([near.closed, far.closed]).toEqual(['ECONNRESET', 'ECONNRESET']);
      lengths.add(far.received.length);
    }
    expect(Math.min(...lengths)).toBeLessThan(60_000);
    expect(lengths.size).toBeGreaterThan(5);
  });

  test('a reset of a connection that its client is still waiting for fails the connecting', async () => {
    simulation = new Simulation({ seed: 3, link: { delayMinMs: 10, delayMaxMs: 10 } });
    const { network } = simulation.environment('b');
    const accepted: End[] = [];
    await simulation.complete(network.listen({ host: 'b', port: 9 }, (socket) => accepted.push(endOf(socket))));
    const connecting = simulation.environment('a').network.connect({ host: 'b', port: 9 });
    const outcome = connecting.then(() => 'open', errorCode);
    await simulation.runUntil(() => accepted.length === 1, 1000);
    simulation.network.reset('a', 'b');
    expect(await simulation.complete(outcome)).toBe('ECONNRESET');
    expect(accepted[0]?.closed).toBe('ECONNRESET');
  });

  test('a killed process: its machine closes the connection', async () => {
    const { near } = await connected();
    simulation.kill('b');
    await simulation.runFor(50);
    expect(near.closed).toBe('in order');
  });

  test('a power cut: silence, until the machine is back and answers with a reset', async () => {
    const { near } = await connected();
    simulation.crash('b');
    near.socket.write(Uint8Array.of(1));
    await simulation.runFor(60_000);
    expect(near.closed).toBeUndefined();
    simulation.restart('b');
    await simulation.runFor(50);
    expect(near.closed).toBe('ECONNRESET');
  });

  test('unread input at a destroy becomes a reset for its sender', async () => {
    const { near, far } = await connected();
    far.socket.pause();
    near.socket.write(Uint8Array.of(1, 2, 3));
    await simulation.runFor(50);
    far.socket.destroy();
    await simulation.runFor(50);
    expect(far.closed).toBe('in order');
    expect(near.closed).toBe('ECONNRESET');
  });

  test('a view kept after onData turns to rubbish', async () => {
    const b = simulation.environment('b');
    const kept: Uint8Array[] = [];
    const listening = b.network.listen({ host: 'b', port: 9 }, (socket) => {
      socket.setHandler({ onData: (chunk) => kept.push(chunk), onDrain: () => undefined, onClose: () => undefined });
    });
    await simulation.complete(listening);
    const near = endOf(await simulation.complete(simulation.environment('a').network.connect({ host: 'b', port: 9 })));
    near.socket.write(Uint8Array.of(1, 2));
    await simulation.runFor(50);
    expect(kept.flatMap((chunk) => [...chunk])).toEqual([0xdb, 0xdb]);
  });
});

describe('connecting', () => {
  const connect = async (port: number, host = 'b'): Promise<string> => {
    const { network } = simulation.environment('a');
    return simulation.complete(network.connect({ host, port }).then(() => 'connected', errorCode));
  };

  test('to a node that does not listen, or refuses, or listens for itself only, is refused', async () => {
    const b = simulation.environment('b');
    expect(await connect(9)).toBe('ECONNREFUSED');
    await simulation.complete(b.network.listen({ host: '127.0.0.1', port: 9 }, () => undefined));
    expect(await connect(9)).toBe('ECONNREFUSED');
    await simulation.complete(b.network.listen({ host: '0.0.0.0', port: 10 }, () => undefined));
    expect(await connect(10)).toBe('connected');
    simulation.network.refuseConnections('b', true);
    expect(await connect(10)).toBe('ECONNREFUSED');
    simulation.network.refuseConnections('b', false);
    expect(await connect(10)).toBe('connected');
  });

  test('to a killed node is refused, to one without power times out, to an unknown name finds nobody', async () => {
    const b = simulation.environment('b');
    await simulation.complete(b.network.listen({ host: 'b', port: 9 }, () => undefined));
    simulation.kill('b');
    expect(await connect(9)).toBe('ECONNREFUSED');
    simulation.restart('b');
    simulation.crash('b');
    expect(await connect(9)).toBe('ETIMEDOUT');
    expect(await connect(9, 'nobody')).toBe('ENOTFOUND');
  });

  test('succeeds when a cut is healed before the time is over', async () => {
    const b = simulation.environment('b');
    await simulation.complete(b.network.listen({ host: 'b', port: 9 }, () => undefined));
    simulation.network.cut('b', 'a');
    simulation.after(5000, () => {
      simulation.network.heal();
    });
    expect(await connect(9)).toBe('connected');
    expect(simulation.nowMs).toBeGreaterThan(5000);
  });

  test('to an address of another node, a listener is refused', async () => {
    const { network } = simulation.environment('a');
    const listening = network.listen({ host: 'b', port: 1 }, () => undefined);
    await expect(simulation.complete(listening)).rejects.toMatchObject({ code: 'EADDRNOTAVAIL' });
  });
});

test('a slow link takes the time its capacity needs', async () => {
  const { near, far } = await connected();
  simulation.network.configureLink('a', 'b', { delayMinMs: 1, delayMaxMs: 1, bytesPerMs: 100 });
  const start = simulation.nowMs;
  near.socket.write(new Uint8Array(200_000));
  await simulation.runUntil(() => far.received.length === 200_000);
  expect(simulation.nowMs - start).toBeGreaterThanOrEqual(2000);
  expect(simulation.nowMs - start).toBeLessThan(2200);
});
