import { describe, expect, test } from 'vitest';
import { OutputRoom } from '../src/output-room.js';
import { FakeSocket } from './fake-socket.js';

function roomOf(maxBytes: number): { room: OutputRoom; socket: FakeSocket } {
  const socket = new FakeSocket(0);
  const room = new OutputRoom(socket, maxBytes);
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

describe('OutputRoom', () => {
  test('lets one reply begin while there is room, and makes the next wait until the reader took it', async () => {
    const { room, socket } = roomOf(1000);
    expect(room.reserve(900)).toBeUndefined();
    expect(room.reserve(900)).toBeUndefined();
    const turn = room.reserve(900);
    expect(turn).toBeInstanceOf(Promise);
    let hasTurn = false;
    void turn?.then(() => (hasTurn = true));
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
    for (const bytes of [100, 1]) void room.reserve(bytes)?.then(() => order.push(bytes));
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
    expect(room.reserve(5)).toBeUndefined();
  });
});
