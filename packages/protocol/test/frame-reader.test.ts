import { errorCode, errorMessage, type MillraceError } from '@millrace/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  defaultMaxFrameBytes,
  encodeFrame,
  errorFlag,
  FrameReader,
  framePrefixBytes,
  maxFrameBytesBeforeHello,
  responseFlag,
  SlabPool,
  type Frame,
  type FrameMemory,
} from '../src/index.js';

interface Collected {
  /** Bytes as base64: long buffers compare slowly. */
  readonly frames: { readonly header: readonly number[]; readonly body: string; readonly payload: string }[];
  readonly errors: MillraceError[];
}

function collect(maxFrameBytes = defaultMaxFrameBytes): { reader: FrameReader; collected: Collected } {
  const collected: Collected = { frames: [], errors: [] };
  const reader = new FrameReader({
    maxFrameBytes,
    onFrame: ({ correlationId, apiKey, apiVersion, flags, body, payload }) => {
      collected.frames.push({
        header: [correlationId, apiKey, apiVersion, flags],
        body: base64(body),
        payload: base64(payload),
      });
    },
    onError: (error) => collected.errors.push(error),
  });
  return { reader, collected };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

const frames = fc.record({
  header: fc.record({
    correlationId: fc.nat(0xffff_ffff),
    apiKey: fc.nat(0xffff),
    apiVersion: fc.nat(0xff),
    flags: fc.constantFrom(0, responseFlag, responseFlag | errorFlag),
  }),
  body: fc.uint8Array({ maxLength: 60 }),
  payload: fc.array(
    fc.oneof({ weight: 5, arbitrary: fc.uint8Array({ maxLength: 100 }) }, { weight: 1, arbitrary: bigPayload() }),
    { maxLength: 3 },
  ),
});

function bigPayload(): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.nat(255), fc.integer({ min: 1000, max: 50_000 }))
    .map(([byte, length]) => new Uint8Array(length).fill(byte));
}

test('any chunking of a stream gives the frames that were sent', () => {
  fc.assert(
    fc.property(fc.array(frames, { maxLength: 6 }), fc.array(fc.integer({ min: 1, max: 5000 })), (sent, cuts) => {
      const stream = Buffer.concat(sent.flatMap(({ header, body, payload }) => encodeFrame(header, body, payload)));
      const { reader, collected } = collect();
      let position = 0;
      for (const cut of [...cuts, stream.length]) {
        // As a socket does: one memory for all chunks.
        const chunk = Buffer.from(stream.subarray(position, position + cut));
        reader.push(chunk);
        chunk.fill(0xee);
        position += cut;
      }
      expect(collected.errors).toEqual([]);
      expect(collected.frames).toEqual(
        sent.map(({ header: { correlationId, apiKey, apiVersion, flags }, body, payload }) => ({
          header: [correlationId, apiKey, apiVersion, flags],
          body: base64(body),
          payload: base64(Buffer.concat(payload)),
        })),
      );
      expect(reader.isMidFrame).toBe(false);
      expect(reader.bufferedBytes).toBe(0);
    }),
  );
});

test('a stream that comes byte by byte gives the same frame', () => {
  const { reader, collected } = collect();
  const header = { correlationId: 7, apiKey: 1, apiVersion: 0, flags: 0 };
  for (const buffer of encodeFrame(header, Buffer.from('body'), [Buffer.from('payload')])) {
    for (const byte of buffer) reader.push(Uint8Array.of(byte));
  }
  expect(collected.frames).toEqual([
    { header: [7, 1, 0, 0], body: base64(Buffer.from('body')), payload: base64(Buffer.from('payload')) },
  ]);
});

test('a frame within one chunk is not copied', () => {
  const [buffer = Buffer.alloc(0)] = encodeFrame(
    { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 },
    Buffer.of(1),
    [Buffer.from('xyz')],
  );
  const memory: ArrayBufferLike[] = [];
  const onFrame = (frame: Frame): void => void memory.push(frame.payload.buffer);
  new FrameReader({ maxFrameBytes: 100, onFrame, onError: () => undefined }).push(buffer);
  expect(memory).toEqual([buffer.buffer]);
});

test.each(['in one chunk', 'in two'])('a payload that was taken stays as it was (%s)', (how) => {
  const taken: Uint8Array[] = [];
  const slabs = new SlabPool();
  const reader = new FrameReader({
    maxFrameBytes: 1_000_000,
    slabs,
    onFrame: (frame) => taken.push(frame.takePayload()),
    onError: () => undefined,
  });
  for (let round = 1; round <= 3; round += 1) {
    const header = { correlationId: round, apiKey: 1, apiVersion: 0, flags: 0 };
    const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(20_000, round)]));
    const cut = how === 'in two' ? 100 : stream.length;
    for (const chunk of [stream.subarray(0, cut), stream.subarray(cut)]) {
      reader.push(chunk);
      chunk.fill(0xee);
    }
  }
  expect(taken.map((payload) => [...new Set(payload)])).toEqual([[1], [2], [3]]);
  expect(slabs.freeBytes).toBeLessThan(20_000);
});

test('a payload that was taken and given back is overwritten by the next frame, and given back once', () => {
  const slabs = new SlabPool();
  const frames: Frame[] = [];
  const payloads: Uint8Array[] = [];
  const reader = new FrameReader({
    maxFrameBytes: 1e6,
    slabs,
    onFrame: (frame) => {
      frames.push(frame);
      payloads.push(frame.takePayload());
    },
    onError: () => undefined,
  });
  const send = (fill: number): void => {
    const header = { correlationId: fill, apiKey: 1, apiVersion: 0, flags: 0 };
    const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(200_000, fill)]));
    reader.push(stream.subarray(0, 100_000));
    reader.push(stream.subarray(100_000));
  };
  const contents = (): number[][] => payloads.map((payload) => [...new Set(payload)]);
  send(1);
  send(2);
  expect(contents()).toEqual([[1], [2]]);
  const freeBytes = slabs.freeBytes;
  frames[0]?.giveBackPayload();
  frames[0]?.giveBackPayload();
  expect(slabs.freeBytes - freeBytes).toBe(payloads[0]?.buffer.byteLength);
  send(3);
  send(4);
  expect(contents()).toEqual([[3], [2], [3], [4]]);
});

test('a payload that nobody took is not given back a second time', () => {
  const slabs = new SlabPool();
  let last: Frame | undefined;
  const onFrame = (frame: Frame): void => void (last = frame);
  const reader = new FrameReader({ maxFrameBytes: 1e6, slabs, onFrame, onError: () => undefined });
  const header = { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 };
  const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(200_000)]));
  reader.push(stream.subarray(0, 100_000));
  reader.push(stream.subarray(100_000));
  const freeBytes = slabs.freeBytes;
  last?.giveBackPayload();
  expect(slabs.freeBytes).toBe(freeBytes);
});

test('slabs go back to the pool when nobody took them', () => {
  const slabs = new SlabPool();
  const reader = new FrameReader({ maxFrameBytes: 1e6, slabs, onFrame: () => undefined, onError: () => undefined });
  const header = { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 };
  const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(200_000)]));
  for (let position = 0; position < stream.length; position += 10_000) {
    reader.push(stream.subarray(position, position + 10_000));
  }
  expect(slabs.freeBytes).toBeGreaterThanOrEqual(200_000);
});

describe('a socket that reads into the memory it is told', () => {
  const header = { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 };

  test('brings the same frames, whatever it reads at a time, and copies only what came before the memory was known', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 6 });
    const reads = fc.array(fc.integer({ min: 1, max: 20_000 }), { minLength: 1 });
    fc.assert(
      fc.property(sizes, reads, (payloadBytes, readBytes) => {
        const { reader, collected } = collect();
        const payloads = payloadBytes.map((bytes, index) => Buffer.alloc(bytes, index + 1));
        const stream = Buffer.concat(payloads.flatMap((payload) => encodeFrame(header, Buffer.of(9), [payload])));
        const own = Buffer.alloc(4096);
        for (let position = 0, turn = 0; position < stream.length; turn++) {
          const target = reader.readInto() ?? own;
          const count = Math.min(target.length, readBytes[turn % readBytes.length]!, stream.length - position);
          expect(count).toBeGreaterThan(0);
          target.set(stream.subarray(position, position + count));
          reader.push(target.subarray(0, count));
          own.fill(0xee);
          position += count;
        }
        expect(collected.errors).toEqual([]);
        expect(collected.frames.map(({ payload }) => payload)).toEqual(payloads.map(base64));
        expect(reader.isMidFrame).toBe(false);
      }),
    );
  });

  test('is never told memory beyond the frame', () => {
    const { reader } = collect();
    const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(30_000)]));
    expect(reader.readInto()).toBeUndefined();
    reader.push(stream.subarray(0, 20_000));
    expect(reader.readInto()).toHaveLength(stream.length - 20_000);
  });

  test('finds the memory for all of a frame as long as an earlier one', () => {
    const { reader } = collect();
    const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(500_000)]));
    reader.push(stream.subarray(0, 1000));
    expect(reader.readInto()?.length).toBeLessThan(10_000);
    reader.push(stream.subarray(1000));
    reader.push(stream.subarray(0, 1000));
    expect(reader.readInto()).toHaveLength(stream.length - 1000);
  });

  test('may still write into memory of a reader that was closed: nobody else gets it', () => {
    const slabs = new SlabPool();
    const reader = new FrameReader({ maxFrameBytes: 1e6, slabs, onFrame: () => undefined, onError: () => undefined });
    const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(100_000)]));
    reader.push(stream.subarray(0, 50_000));
    expect(reader.readInto()).toBeDefined();
    reader.close();
    expect(slabs.freeBytes).toBe(0);
    expect(reader.readInto()).toBeUndefined();
  });
});

describe('the memory of a frame', () => {
  const header = { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 };
  const inTwo = (reader: FrameReader, fill: number): void => {
    const stream = Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(20_000, fill)]));
    reader.push(stream.subarray(0, 100));
    reader.push(stream.subarray(100));
  };

  test('is not used again before everyone who retained it has released it', () => {
    const slabs = new SlabPool();
    const held: { payload: Uint8Array; memory: FrameMemory }[] = [];
    const onFrame = ({ payload, memory }: Frame): void => {
      if (memory === undefined) throw new Error('a frame in pieces has memory of the reader');
      memory.retain();
      memory.retain();
      held.push({ payload, memory });
    };
    const reader = new FrameReader({ maxFrameBytes: 1e6, slabs, onFrame, onError: () => undefined });
    for (let round = 1; round <= 4; round++) inTwo(reader, round);
    for (const { memory } of held) memory.release();
    // Slabs that the first frame outgrew are free; those of whole frames are not.
    expect(slabs.freeBytes).toBeLessThan(20_000);
    for (let round = 5; round <= 8; round++) inTwo(reader, round);
    expect(held.map(({ payload }) => [...new Set(payload)])).toEqual([[1], [2], [3], [4], [5], [6], [7], [8]]);
    const before = slabs.freeBytes;
    held[0]!.memory.release();
    expect(slabs.freeBytes - before).toBe(held[0]!.memory.sizeBytes);
  });

  test('cannot be released more often than it was retained', () => {
    const reader = new FrameReader({
      maxFrameBytes: 1e6,
      onFrame: ({ memory }) => {
        memory?.retain();
        memory?.release();
        memory?.release();
      },
      onError: () => undefined,
    });
    expect(() => inTwo(reader, 1)).toThrow('released once');
  });

  test("of a frame within one chunk is not the reader's to lend", () => {
    const memories: unknown[] = [];
    const onFrame = (frame: Frame): void => void memories.push(frame.memory);
    const reader = new FrameReader({ maxFrameBytes: 1e6, onFrame, onError: () => undefined });
    reader.push(Buffer.concat(encodeFrame(header, Buffer.of(1), [Buffer.alloc(20_000)])));
    expect(memories).toEqual([undefined]);
  });
});

test('frames after close are not delivered, not even those of the same chunk', () => {
  const header = { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 };
  const stream = Buffer.concat([...encodeFrame(header, Buffer.of(1)), ...encodeFrame(header, Buffer.of(2))]);
  let count = 0;
  const reader = new FrameReader({
    maxFrameBytes: 100,
    onFrame: () => {
      count += 1;
      reader.close();
    },
    onError: () => undefined,
  });
  reader.push(stream);
  reader.push(stream);
  expect(count).toBe(1);
});

test('the memory held for an unfinished frame follows what arrived, not what was announced', () => {
  const slabs = new SlabPool();
  const taken: number[] = [];
  const take = slabs.take.bind(slabs);
  slabs.take = (bytes) => {
    taken.push(bytes);
    return take(bytes);
  };
  const reader = new FrameReader({
    maxFrameBytes: defaultMaxFrameBytes,
    slabs,
    onFrame: () => undefined,
    onError: () => undefined,
  });
  const start = Buffer.alloc(framePrefixBytes + 100);
  start.writeUInt32BE(defaultMaxFrameBytes, 0);
  reader.push(start);
  expect(reader.isMidFrame).toBe(true);
  expect(taken).toEqual([400]);
});

function prefix(fields: { length: number; bodyBytes?: number; flags?: number }): Buffer {
  const buffer = Buffer.alloc(framePrefixBytes);
  buffer.writeUInt32BE(fields.length, 0);
  buffer[11] = fields.flags ?? 0;
  buffer.writeUInt32BE(fields.bodyBytes ?? 0, 12);
  return buffer;
}

test.each([
  ['a length of 0', prefix({ length: 0 }), 'INVALID_FRAME'],
  ['a length shorter than the header', prefix({ length: 11 }), 'INVALID_FRAME'],
  ['a length of -1', prefix({ length: 0xffff_ffff }), 'FRAME_TOO_LARGE'],
  ['a length of 2^31-1', prefix({ length: 0x7fff_ffff }), 'FRAME_TOO_LARGE'],
  ['one byte more than the limit', prefix({ length: maxFrameBytesBeforeHello + 1 }), 'FRAME_TOO_LARGE'],
  ['a body longer than the frame', prefix({ length: 20, bodyBytes: 9 }), 'INVALID_FRAME'],
  ['unknown flags', prefix({ length: 12, flags: 4 }), 'INVALID_FRAME'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 'WRONG_PROTOCOL'],
  ['a TLS hello', Buffer.from('160301020001000103', 'hex'), 'WRONG_PROTOCOL'],
  ['an SSH greeting', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), 'WRONG_PROTOCOL'],
  ['a Kafka ApiVersions request', Buffer.from('00000018001200030000000100046d696c6c0000', 'hex'), 'WRONG_PROTOCOL'],
])('%s ends the reader with a typed error', (_, bytes, code) => {
  for (const chunks of [[bytes], [...bytes].map((byte) => Uint8Array.of(byte))]) {
    const { reader, collected } = collect(maxFrameBytesBeforeHello);
    for (const chunk of chunks) reader.push(chunk);
    reader.push(Buffer.alloc(100));
    expect(collected.errors.map(errorCode)).toEqual([code]);
    expect(collected.frames).toEqual([]);
    expect(reader.bufferedBytes).toBe(0);
  }
});

test('another protocol is named, so that the person who mixed up the ports knows', () => {
  const { reader, collected } = collect();
  reader.push(Buffer.from('GET /metrics HTTP/1.1\r\n'));
  expect(errorMessage(collected.errors[0])).toContain('HTTP request');
});

test('the longest frame allowed is read, and the limit can be raised after Hello', () => {
  const { reader, collected } = collect(1000);
  const header = { correlationId: 1, apiKey: 1, apiVersion: 0, flags: 0 };
  reader.push(Buffer.concat(encodeFrame(header, new Uint8Array(1000 - 12))));
  reader.setMaxFrameBytes(2000);
  reader.push(Buffer.concat(encodeFrame(header, new Uint8Array(2000 - 12))));
  expect(collected.frames.map(({ body }) => Buffer.from(body, 'base64').length)).toEqual([988, 1988]);
  reader.push(Buffer.concat(encodeFrame(header, new Uint8Array(2001 - 12))));
  expect(collected.errors.map(errorCode)).toEqual(['FRAME_TOO_LARGE']);
});

test('large payloads are passed through, small ones joined into one buffer', () => {
  const header = { correlationId: 1, apiKey: 0, apiVersion: 0, flags: 0 };
  const large = new Uint8Array(100_000);
  const buffers = encodeFrame(header, Buffer.of(1), [large]);
  expect(buffers).toHaveLength(2);
  expect(buffers[1]).toBe(large);
  expect(encodeFrame(header, Buffer.of(1), [new Uint8Array(10), new Uint8Array(10)])).toHaveLength(1);
});
