import { describe, expect, test } from 'vitest';
import { OutputBudget } from '../src/output-budget.js';
import { OutputRoom } from '../src/output-room.js';
import { FakeSocket } from './fake-socket.js';

function roomOf(maxBytes: number, budget = new OutputBudget(1e9)): { room: OutputRoom; socket: FakeSocket } {
  const socket = new FakeSocket(0);
  const room = new OutputRoom(socket, { maxBytes, maxBatchBytes: 1, budget });
  socket.setHandler({
    onData: () => undefined,
    onDrain: () => {
      room.releaseSent();
      room.wake();
    },
    onClose: () => room.close(),
  });
  return { room, socket };
}

const mib = 1024 * 1024;

describe('OutputRoom', () => {
  test('lets one reply begin while there is room, and makes the next wait until the reader took it', async () => {
    const { room, socket } = roomOf(1000);
    expect(room.reserve(900)).toBe(900);
    expect(room.reserve(900)).toBe(900);
    const turn = room.reserve(900);
    expect(turn).toBeInstanceOf(Promise);
    let hasTurn = false;
    void Promise.resolve(turn).then(() => (hasTurn = true));
    room.write(new Uint8Array(900));
    room.giveBack(900);
    await Promise.resolve();
    expect(hasTurn).toBe(false);
    room.giveBack(900);
    await Promise.resolve();
    expect(hasTurn).toBe(true);
    expect(room.hasRoom).toBe(true);
    room.write(new Uint8Array(900));
    expect(room.hasRoom).toBe(false);
    socket.take();
    expect(room.hasRoom).toBe(true);
  });

  test('gives turns in the order they were asked for, also to those who would fit at once', async () => {
    const { room, socket } = roomOf(100);
    room.write(new Uint8Array(100));
    const order: number[] = [];
    for (const bytes of [100, 1]) void Promise.resolve(room.reserve(bytes)).then((granted) => order.push(granted));
    socket.take();
    await Promise.resolve();
    expect(order).toEqual([100]);
    room.giveBack(100);
    await Promise.resolve();
    expect(order).toEqual([100, 1]);
  });

  test('gives memory back only when all bytes before and of it have left', () => {
    const { room, socket } = roomOf(1_000_000);
    const released: string[] = [];
    room.write(new Uint8Array(10));
    room.releaseWhenSent(() => released.push('first'));
    room.write(new Uint8Array(20));
    room.releaseWhenSent(() => released.push('second'));
    socket.take(9);
    room.releaseSent();
    expect(released).toEqual([]);
    socket.take(1);
    room.releaseSent();
    expect(released).toEqual(['first']);
    socket.take();
    expect(released).toEqual(['first', 'second']);
  });

  test('a closed connection gives back all memory and ends all waits', async () => {
    const { room, socket } = roomOf(10);
    const released: string[] = [];
    room.write(new Uint8Array(10));
    room.releaseWhenSent(() => released.push('payload'));
    const turn = room.reserve(5);
    socket.destroy();
    await turn;
    expect(released).toEqual(['payload']);
    expect(room.reserve(5)).toBe(5);
  });

  test('gets less the more others hold, and a small reply as long as there is room for one', () => {
    const budget = new OutputBudget(256 * mib);
    const rooms = Array.from({ length: 2000 }, () => roomOf(16 * mib, budget).room);
    const granted = rooms.map((room) => {
      const bytes = room.reserve(8 * mib);
      if (typeof bytes === 'number') room.write(new Uint8Array(bytes));
      if (typeof bytes === 'number') room.giveBack(bytes);
      return bytes;
    });
    const sizes = granted.filter((bytes) => typeof bytes === 'number');
    expect(sizes[0]).toBe(8 * mib);
    expect(sizes[50]).toBeLessThan(mib);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    expect(sizes.at(-1)).toBe(64 * 1024);
    expect(sizes).toHaveLength(2000);
    expect(budget.heldBytes).toBeLessThan(256 * mib);
  });

  test('waits for others when all is held, and goes on when one of them takes its reply or is gone', async () => {
    const budget = new OutputBudget(100_000);
    const holders = [roomOf(mib, budget), roomOf(mib, budget)];
    for (const { room } of holders) room.write(new Uint8Array(60_000));
    const order: number[] = [];
    const waiting = [1, 2].map((name) => {
      const { room } = roomOf(mib, budget);
      void Promise.resolve(room.reserve(60_000)).then(() => order.push(name));
      return room;
    });
    await Promise.resolve();
    expect(order).toEqual([]);
    holders[0]!.socket.take();
    holders[0]!.room.releaseSent();
    await Promise.resolve();
    expect(order).toEqual([1]);
    holders[1]!.socket.destroy();
    await Promise.resolve();
    expect(order).toEqual([1, 2]);
    for (const room of waiting) room.giveBack(60_000);
    expect(budget.heldBytes).toBe(0);
  });

  test('finds the room that sockets have made without a word', () => {
    const budget = new OutputBudget(100_000);
    const slow = roomOf(mib, budget);
    slow.room.write(new Uint8Array(100_000));
    slow.socket.take(99_999);
    expect(roomOf(mib, budget).room.reserve(10)).toBe(10);
  });
});
