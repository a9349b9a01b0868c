/**
 * The hostile inputs that a protocol must answer (lengths, counts, nesting, names), each through the whole way from
 * the socket's bytes to a message, with the memory it may cost.
 */
import { errorCode, errorMessage } from '@millrace/base';
import { pack, Packr } from 'msgpackr';
import { expect, test } from 'vitest';
import {
  apis,
  createTopicsApi,
  decodeRequest,
  encodeFrame,
  fetchApi,
  FrameReader,
  maxFrameBytesBeforeHello,
  metadataApi,
  topicNameProblem,
  type AnyApi,
} from '../src/index.js';
import { thrown } from './thrown.js';

/** What a node answers to these bytes: the first error, or what was decoded. */
function answer(bytes: Uint8Array, maxFrameBytes = 16 * 1024 * 1024): unknown {
  let result: unknown;
  const reader = new FrameReader({
    maxFrameBytes,
    onFrame: ({ apiKey, apiVersion, body, payload }) => {
      const api = apis.get(apiKey);
      try {
        result ??= api === undefined ? 'unknown api' : decodeRequest(api, apiVersion, body, payload.length);
      } catch (error) {
        result ??= errorCode(error);
      }
    },
    onError: (error) => {
      result ??= error.code;
    },
  });
  for (let position = 0; position < bytes.length; position += 65_536) {
    reader.push(bytes.subarray(position, position + 65_536));
  }
  return result;
}

function request(api: Pick<AnyApi, 'key'>, body: Uint8Array): Buffer {
  return Buffer.concat(encodeFrame({ correlationId: 1, apiKey: api.key, apiVersion: 0, flags: 0 }, body));
}

test('X1: lengths of 0, -1 and 2^31-1, TLS and HTTP end in a typed error and cost no memory', () => {
  const before = process.memoryUsage().arrayBuffers;
  for (const [hex, code] of [
    ['00000000', 'INVALID_FRAME'],
    ['ffffffff', 'FRAME_TOO_LARGE'],
    ['7fffffff', 'FRAME_TOO_LARGE'],
    ['00010001', 'FRAME_TOO_LARGE'],
    ['16030102000100', 'WRONG_PROTOCOL'],
    [Buffer.from('GET / HTTP/1.1\r\n').toString('hex'), 'WRONG_PROTOCOL'],
  ] as const) {
    expect(answer(Buffer.from(hex, 'hex'), maxFrameBytesBeforeHello)).toBe(code);
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024);
});

test('X3: huge counts, zero-width elements and deep nesting are refused within milliseconds', () => {
  const bodies = [
    Buffer.from('dd7fffffff', 'hex'),
    Buffer.from('df7fffffff', 'hex'),
    Buffer.concat([Buffer.from('dd001fffff', 'hex'), Buffer.alloc(0x1fffff, 0x90)]),
    Buffer.concat([Buffer.from('dd001fffff', 'hex'), Buffer.alloc(0x1fffff, 0xc0)]),
    Buffer.alloc(1_000_000, 0x91),
    Buffer.alloc(1_000_000, 0x81),
  ];
  for (const body of bodies) {
    const startedMs = performance.now();
    expect(answer(request(metadataApi, body))).toBe('INVALID_REQUEST');
    expect(performance.now() - startedMs).toBeLessThan(1000);
  }
});

test('X4: what comes after a frame is the next frame, however the peer cut it', () => {
  const body = pack({ topics: [], allowAutoCreate: false, includeInternal: false });
  const frame = request(metadataApi, body);
  const longer = Buffer.concat([frame, Buffer.alloc(16, 0xff)]);
  expect(answer(longer)).toEqual({ topics: [], allowAutoCreate: false, includeInternal: false });
  frame.writeUInt32BE(body.length + 1, 12);
  expect(answer(frame)).toBe('INVALID_FRAME');
});

test('X5: unknown APIs and versions, trailing bytes, bad text and NaN cost only their request', () => {
  const good = { topics: [{ name: 'a', topicId: null }], allowAutoCreate: false, includeInternal: false };
  expect(answer(request({ key: 999 }, pack(good)))).toBe('unknown api');
  const version = request(metadataApi, pack(good));
  version[10] = 9;
  expect(answer(version)).toBe('UNSUPPORTED_VERSION');
  expect(answer(request(metadataApi, Buffer.concat([pack(good), Buffer.of(0)])))).toBe('INVALID_REQUEST');
  const badText = Buffer.from(pack(good).toString('latin1').replace('\xa1a', '\xa1\xff'), 'latin1');
  expect(badText.equals(pack(good))).toBe(false);
  expect(answer(request(metadataApi, badText))).toBe('INVALID_REQUEST');
  expect(answer(request(metadataApi, pack({ ...good, allowAutoCreate: Number.NaN })))).toBe('INVALID_REQUEST');
  expect(answer(request(metadataApi, pack([good])))).toBe('INVALID_REQUEST');
  expect(answer(request(metadataApi, new Uint8Array()))).toBe('INVALID_REQUEST');
});

test('X17: a fetch of 100,000 partitions is refused', () => {
  const entry = { topicId: 'AAAAAAAAAAAAAAAAAAAAAA', partition: 0, fetchOffset: 0, leaderEpoch: -1, maxBytes: 0 };
  const partitions = new Array<typeof entry>(100_000).fill(entry);
  const body = pack({
    maxWaitMs: 3_600_000,
    minBytes: 2 ** 31 - 1,
    maxBytes: 1,
    isolation: 'read-committed',
    partitions,
  });
  expect(answer(request(fetchApi, body))).toBe('INVALID_REQUEST');
});

test('X20: 2^17 colliding integer-like keys are refused within 100 ms', () => {
  const colliding = Object.fromEntries(Array.from({ length: 2 ** 17 }, (_, index) => [`${index * 2 ** 13}`, 0]));
  const body = new Packr({ useRecords: false, variableMapSize: true }).pack(colliding);
  const startedMs = performance.now();
  expect(answer(request(metadataApi, body))).toBe('INVALID_REQUEST');
  expect(performance.now() - startedMs).toBeLessThan(100);
});

test('keys of the object machinery do not reach an object', () => {
  const body = Buffer.from('82a95f5f70726f746f5f5f81a7697341646d696ec3ab636f6e7374727563746f7280', 'hex');
  expect(answer(request(metadataApi, body))).toBe('INVALID_REQUEST');
  expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined();
});

const hostileNames = [
  '',
  '.',
  '..',
  '../x',
  'a/b',
  'a\\b',
  'a\0b',
  'a\r\nb',
  '\u001b[31mred',
  'оrders',
  'a b',
  'ａ',
  'x'.repeat(250),
  '💥',
];

test.each(hostileNames)('X8: %j is no topic name', (name) => {
  const problem = topicNameProblem(name);
  expect(problem).toBeDefined();
  // The message may be printed on a terminal.
  // eslint-disable-next-line no-control-regex
  expect(problem).not.toMatch(/[\u0000-\u001f]/);
});

test.each(['a', 'orders.v2', '__internal', '__proto__', 'constructor', '-', '...', 'x'.repeat(249)])(
  'X8: %j is a topic name by the rule',
  (name) => {
    expect(topicNameProblem(name)).toBeUndefined();
  },
);

test('X8: a bad name is answered entry by entry, so the request itself is fine up to a limit', () => {
  const create = (name: string): Uint8Array =>
    pack({ topics: [{ name, partitions: 1, replicationFactor: 1, configs: [] }], timeoutMs: 0, validateOnly: false });
  for (const name of hostileNames) expect(answer(request(createTopicsApi, create(name)))).toBeTypeOf('object');
  const error = thrown(() => decodeRequest(createTopicsApi, 0, create('x'.repeat(2000))));
  expect(errorMessage(error)).toContain('topics.0.name');
});
