import { recordingLogger, recordingMetrics, ManualClock } from '@millrace/testkit';
import { decodeError, encodeFrame, errorByNumber, FrameReader, helloApi, SlabPool } from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import { BrokerMetrics } from '../src/broker-metrics.js';
import { type BrokerSettings, defaultBrokerSettings } from '../src/broker-settings.js';
import { Connection, type RequestFrame } from '../src/connection.js';
import { OutputBudget } from '../src/output-budget.js';
import { FakeSocket } from './fake-socket.js';

/** A connection whose requests are collected; the test answers them. */
class Fixture {
  readonly clock = new ManualClock();
  readonly socket: FakeSocket;
  readonly requests: (RequestFrame & { payloadCopy: Buffer })[] = [];
  readonly connection: Connection;
  closed = 0;

  constructor(settings: Partial<BrokerSettings> = {}, socket = new FakeSocket(), outputs = new OutputBudget(1e9)) {
    this.socket = socket;
    this.connection = new Connection({
      id: 1,
      socket,
      listener: 'client',
      settings: { ...defaultBrokerSettings, ...settings },
      clock: this.clock,
      logger: recordingLogger(),
      metrics: new BrokerMetrics(recordingMetrics()),
      slabs: new SlabPool(),
      outputs,
      onRequest: (connection, frame) => {
        if (frame.apiKey === helloApi.key) connection.acceptHello();
        this.requests.push({ ...pick(frame), payloadCopy: Buffer.from(frame.payload) });
      },
      onClosed: () => this.closed++,
    });
    this.connection.serve();
  }

  receive(...chunks: Uint8Array[]): void {
    for (const chunk of chunks) {
      this.socket.handler.onData(chunk);
      // The socket's memory is used again: whoever kept a view of it would show here.
      chunk.fill(0xee);
    }
  }

  answer(index: number, bytes = 10): void {
    this.connection.reply(this.requests[index]!, new Uint8Array(bytes));
  }

  tickAfter(ms: number): void {
    this.clock.advance(ms);
    this.connection.tick(this.clock.monotonicMs());
  }

  /** What the peer would read. */
  replies(): { correlationId: number; flags: number; code: string | undefined }[] {
    const replies: { correlationId: number; flags: number; code: string | undefined }[] = [];
    const reader = new FrameReader({
      maxFrameBytes: 64 * 1024 * 1024,
      onFrame: ({ correlationId, flags, body }) => {
        const code = (flags & 2) === 0 ? undefined : errorByNumber(decodeError(body).error)?.name;
        replies.push({ correlationId, flags, code });
      },
      onError: (error) => {
        throw error;
      },
    });
    for (const bytes of this.socket.written) reader.push(bytes);
    return replies;
  }
}

function pick({ correlationId, apiKey, apiVersion, flags, body, payload, memory }: RequestFrame): RequestFrame {
  return { correlationId, apiKey, apiVersion, flags, body, payload, memory };
}

function request(correlationId: number, payload = new Uint8Array(0), apiKey = 3): Buffer {
  return Buffer.concat(encodeFrame({ correlationId, apiKey, apiVersion: 0, flags: 0 }, new Uint8Array(1), [payload]));
}

const hello = (): Buffer => request(0, new Uint8Array(0), helloApi.key);

describe('requests and replies', () => {
  test('replies go out in whatever order they are made', () => {
    const fixture = new Fixture();
    fixture.receive(hello(), request(1), request(2));
    for (const index of [2, 0, 1]) fixture.answer(index);
    expect(fixture.replies().map(({ correlationId }) => correlationId)).toEqual([2, 0, 1]);
    expect(fixture.connection.inFlight).toBe(0);
  });

  test('a request without a reply makes room like any other', () => {
    const fixture = new Fixture({ maxInFlightRequests: 1 });
    fixture.receive(hello());
    fixture.answer(0);
    fixture.receive(request(1));
    expect(fixture.socket.isPaused).toBe(true);
    fixture.connection.endSilently();
    expect(fixture.socket.isPaused).toBe(false);
    expect(fixture.replies()).toHaveLength(1);
  });
});

describe('back pressure', () => {
  test('stops reading at the limit of requests; those of the same chunk wait with their own memory', () => {
    const fixture = new Fixture({ maxInFlightRequests: 2 });
    const chunk = Buffer.concat([
      hello(),
      request(1),
      request(2, Buffer.from('two')),
      request(3, Buffer.from('three')),
    ]);
    fixture.receive(chunk);
    expect(fixture.requests.map(({ correlationId }) => correlationId)).toEqual([0, 1]);
    expect(fixture.socket.isPaused).toBe(true);
    fixture.answer(1);
    expect(fixture.requests.map(({ correlationId }) => correlationId)).toEqual([0, 1, 2]);
    fixture.answer(0);
    expect(fixture.requests.map(({ payloadCopy }) => payloadCopy.toString())).toEqual(['', '', 'two', 'three']);
    expect(fixture.socket.isPaused).toBe(true);
    fixture.answer(2);
    expect(fixture.socket.isPaused).toBe(false);
  });

  test('begins no request while a slow reader owes it room, and goes on when the bytes are taken', () => {
    const fixture = new Fixture({ maxOutputBytes: 5000, maxInFlightRequests: 1 });
    fixture.receive(hello());
    fixture.answer(0, 100);
    fixture.receive(Buffer.concat(Array.from({ length: 20 }, (_, index) => request(index + 1))));
    const replyBytes = 2000;
    let answered = 1;
    while (answered < 21) {
      while (answered < fixture.requests.length) fixture.answer(answered++, replyBytes);
      expect(fixture.socket.bufferedBytes).toBeLessThan(5000 + replyBytes + 100);
      expect(fixture.socket.isPaused).toBe(fixture.socket.bufferedBytes >= 5000);
      fixture.socket.take();
    }
    expect(fixture.replies()).toHaveLength(21);
    expect(fixture.socket.isPaused).toBe(false);
  });

  test('a socket that never owed a drain is looked at again with the next tick', () => {
    const fixture = new Fixture({ maxOutputBytes: 100 }, new FakeSocket(1_000_000));
    fixture.receive(hello());
    fixture.answer(0, 200);
    expect(fixture.socket.isPaused).toBe(true);
    fixture.socket.take();
    fixture.tickAfter(1000);
    expect(fixture.socket.isPaused).toBe(false);
  });
});

describe('deadlines', () => {
  test('a peer that says nothing is refused after the handshake time', () => {
    const fixture = new Fixture({ handshakeMs: 5000 });
    fixture.tickAfter(4999);
    expect(fixture.socket.ended).toBeUndefined();
    fixture.tickAfter(2);
    expect(fixture.replies()).toEqual([{ correlationId: 0, flags: 3, code: 'REQUEST_TIMED_OUT' }]);
    expect(fixture.socket.ended).toBe('end');
  });

  test('a frame that trickles in is refused, one that comes at a decent rate is not', () => {
    const slow = new Fixture({ frameMs: 30_000, minFrameBytesPerSecond: 1000 });
    slow.receive(hello());
    slow.answer(0);
    const frame = request(1, new Uint8Array(200_000));
    let sent = 0;
    for (let second = 0; second < 40 && slow.socket.ended === undefined; second++) {
      slow.receive(frame.subarray(sent, ++sent));
      slow.tickAfter(1000);
    }
    expect(slow.replies().at(-1)?.code).toBe('REQUEST_TIMED_OUT');

    const steady = new Fixture({ frameMs: 30_000, minFrameBytesPerSecond: 1000 });
    steady.receive(hello());
    steady.answer(0);
    const long = request(1, new Uint8Array(200_000));
    for (let at = 0; at < long.length; at += 4000) {
      steady.receive(long.subarray(at, at + 4000));
      steady.tickAfter(1000);
    }
    expect(steady.socket.ended).toBeUndefined();
    expect(steady.requests).toHaveLength(2);
  });

  test('a frame held up by our own back pressure is not held against the peer', () => {
    const fixture = new Fixture({ maxInFlightRequests: 1, frameMs: 30_000 });
    fixture.receive(hello());
    fixture.answer(0);
    const next = request(2, new Uint8Array(1000));
    fixture.receive(Buffer.concat([request(1), next.subarray(0, 500)]));
    fixture.tickAfter(60_000);
    expect(fixture.socket.ended).toBeUndefined();
    fixture.answer(1);
    fixture.tickAfter(20_000);
    expect(fixture.socket.ended).toBeUndefined();
    fixture.tickAfter(20_000);
    expect(fixture.socket.ended).toBe('end');
  });

  test('an idle connection is closed, one with a request in flight is not', () => {
    const fixture = new Fixture({ idleMs: 60_000 });
    fixture.receive(hello());
    fixture.answer(0);
    fixture.receive(request(1));
    fixture.tickAfter(61_000);
    expect(fixture.socket.ended).toBeUndefined();
    fixture.answer(1);
    fixture.socket.take();
    fixture.tickAfter(61_000);
    expect(fixture.socket.ended).toBe('end');
  });

  test('a reader that takes nothing is cut off, one that takes a little is not', () => {
    const fixture = new Fixture({ stallMs: 60_000 });
    fixture.receive(hello());
    fixture.answer(0, 50_000);
    for (let minute = 0; minute < 5; minute++) {
      fixture.tickAfter(30_000);
      fixture.socket.take(10);
      fixture.tickAfter(30_000);
    }
    expect(fixture.socket.ended).toBeUndefined();
    fixture.tickAfter(30_000);
    fixture.tickAfter(31_000);
    fixture.tickAfter(1000);
    expect(fixture.socket.ended).toBe('destroy');
    expect(fixture.closed).toBe(1);
  });

  test('a reader that takes too little is cut off when others wait for what it holds, and only then', async () => {
    const outputs = new OutputBudget(100_000);
    const settings = { slowReaderMs: 5000, minFrameBytesPerSecond: 1000, maxBatchBytes: 1000 };
    const [slow, quick, other] = Array.from({ length: 3 }, () => new Fixture(settings, new FakeSocket(), outputs));
    for (const fixture of [slow!, quick!]) {
      fixture.receive(hello());
      fixture.answer(0, 50_000);
    }
    const pass = (seconds: number): void => {
      for (let second = 0; second < seconds; second++) {
        slow!.socket.take(999);
        quick!.socket.take(1001);
        for (const fixture of [slow!, quick!, other!]) fixture.tickAfter(1000);
      }
    };
    pass(7);
    for (const fixture of [slow!, quick!]) fixture.connection.output.write(new Uint8Array(50_000));
    expect([slow!.socket.ended, quick!.socket.ended]).toEqual([undefined, undefined]);
    const turn = other!.connection.output.reserve(1000);
    expect(turn).toBeInstanceOf(Promise);
    pass(1);
    expect([slow!.socket.ended, quick!.socket.ended]).toEqual(['destroy', undefined]);
    expect(await turn).toBe(1000);
  });

  test('a refused peer that does not close is cut off after a while', () => {
    const fixture = new Fixture({ shutdownMs: 5000 });
    fixture.receive(Buffer.from([0xff, 0xff, 0xff, 0xff]));
    expect(fixture.socket.ended).toBe('end');
    fixture.tickAfter(5001);
    expect(fixture.socket.ended).toBe('destroy');
  });
});

describe('bytes that are no requests', () => {
  test.each([
    ['a TLS hello', Buffer.from('16030100ff', 'hex'), 'WRONG_PROTOCOL'],
    ['a length beyond the limit', Buffer.from('7fffffff', 'hex'), 'FRAME_TOO_LARGE'],
    ['a negative length', Buffer.from('ffffffff', 'hex'), 'FRAME_TOO_LARGE'],
    ['a length of zero', Buffer.from('00000000', 'hex'), 'INVALID_FRAME'],
    ['a frame that is too long before Hello', Buffer.from('00010001', 'hex'), 'FRAME_TOO_LARGE'],
  ])('%s is refused with a typed error, then the stream ends', (_what, bytes, code) => {
    const fixture = new Fixture();
    fixture.receive(bytes);
    expect(fixture.replies()).toEqual([{ correlationId: 0, flags: 3, code }]);
    expect(fixture.socket.ended).toBe('end');
    expect(fixture.requests).toEqual([]);
  });

  test('HTTP is answered in HTTP, so that a browser or curl shows why', () => {
    const fixture = new Fixture();
    fixture.receive(Buffer.from('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n'));
    const text = Buffer.concat(fixture.socket.written).toString();
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
    expect(text).toContain('This port speaks the Millrace protocol');
    expect(fixture.socket.ended).toBe('end');
  });
});

describe('the end', () => {
  test('drain answers what was begun, begins nothing more, then closes', () => {
    const fixture = new Fixture({ maxInFlightRequests: 2 });
    fixture.receive(Buffer.concat([hello(), request(1), request(2)]));
    fixture.connection.drain();
    fixture.receive(request(3));
    fixture.answer(1);
    expect(fixture.socket.ended).toBeUndefined();
    fixture.answer(0);
    expect(fixture.socket.ended).toBe('end');
    expect(fixture.requests).toHaveLength(2);
  });

  test('what waits for a peer that is gone is cancelled once, and late answers go nowhere', () => {
    const fixture = new Fixture();
    fixture.receive(hello(), request(1));
    let cancelled = 0;
    fixture.connection.cancelOnClose({ cancel: () => cancelled++ });
    const forgotten = { cancel: () => cancelled++ };
    fixture.connection.cancelOnClose(forgotten);
    fixture.connection.forget(forgotten);
    fixture.socket.destroy();
    expect(cancelled).toBe(1);
    fixture.answer(0);
    fixture.answer(1);
    expect(fixture.socket.written).toEqual([]);
    expect(fixture.closed).toBe(1);
    fixture.connection.cancelOnClose({ cancel: () => cancelled++ });
    expect(cancelled).toBe(2);
  });
});
