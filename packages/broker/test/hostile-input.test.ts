import { completion, sleep } from '@millrace/base';
import {
  apis,
  encodeFrame,
  encodeRequest,
  errorByNumber,
  errorFlag,
  fetchApi,
  FrameReader,
  decodeError,
  helloApi,
  isServedOn,
  metadataApi,
  type NodeCredentials,
  produceApi,
} from '@millrace/protocol';
import { describe, expect, test } from 'vitest';
import type { BrokerSettings } from '../src/broker-settings.js';
import { batchOf, fetchFrom, NodeFixture, produce, produceRequest } from './node-fixture.js';
import type { RawClient } from './raw-client.js';

/** Writes and reads again and again; whatever others do, none of its requests may fail or be slow. */
class Bystander {
  readonly latenciesMs: number[] = [];
  readonly #node: NodeFixture;
  readonly #client: RawClient;
  readonly #topicId: string;
  #isRunning = true;
  readonly #done: Promise<void>;

  private constructor(node: NodeFixture, client: RawClient, topicId: string) {
    this.#node = node;
    this.#client = client;
    this.#topicId = topicId;
    this.#done = this.#run();
  }

  static async start(node: NodeFixture): Promise<Bystander> {
    const client = await node.client(7400, 'bystander');
    return new Bystander(node, client, await node.topic(client, 'bystander'));
  }

  async #run(): Promise<void> {
    for (let offset = 0; this.#isRunning; offset++) {
      const startMs = this.#node.simulation.nowMs;
      const results = await produce(this.#client, [{ topicId: this.#topicId, batch: batchOf([`${offset}`]) }]);
      expect(results[0]).toMatchObject({ error: 0, baseOffset: offset });
      const read = await fetchFrom(this.#client, [{ topicId: this.#topicId, offset }]);
      expect(read.values).toEqual([[`${offset}`]]);
      this.latenciesMs.push(this.#node.simulation.nowMs - startMs);
      await sleep(this.#node.simulation.environment('bystander').clock, 50);
    }
  }

  /** Fails when anything went wrong since the start. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#node.complete(this.#done);
    expect(this.latenciesMs.length).toBeGreaterThan(0);
    expect(Math.max(...this.latenciesMs)).toBeLessThan(50);
  }
}

/** A node that listens, someone who uses it, and hands to attack it with. */
async function fixture(settings: Partial<BrokerSettings> = {}) {
  const node = await NodeFixture.start({ settings });
  const bystander = await Bystander.start(node);
  return { node, bystander };
}

/** The codes of the errors a node sends to these bytes, and whether it closed the connection. */
async function answersTo(node: NodeFixture, chunks: readonly Uint8Array[], waitMs = 500, port = 7400) {
  const socket = await node.complete(node.simulation.environment('attacker').network.connect({ host: 'node', port }));
  const codes: string[] = [];
  const received: Uint8Array[] = [];
  let isClosed = false;
  const reader = new FrameReader({
    maxFrameBytes: 16 * 1024 * 1024,
    onFrame: ({ flags, body }) => {
      codes.push((flags & errorFlag) === 0 ? 'ok' : (errorByNumber(decodeError(body).error)?.name ?? 'unknown'));
    },
    onError: (error) => codes.push(`unreadable: ${error.code}`),
  });
  socket.setHandler({
    onData: (chunk) => {
      received.push(Uint8Array.from(chunk));
      reader.push(chunk);
    },
    onDrain: () => undefined,
    onClose: () => (isClosed = true),
  });
  for (const chunk of chunks) {
    socket.write(chunk);
    await node.simulation.runFor(1);
  }
  await node.simulation.runFor(waitMs);
  const wasClosed = isClosed;
  socket.destroy();
  return { codes, isClosed: wasClosed, text: Buffer.concat(received).toString('latin1') };
}

const greeting = { softwareName: 'x', softwareVersion: '1', clusterId: null, node: null };

function frame(
  apiKey: number,
  body: Uint8Array,
  options: { version?: number; flags?: number; payload?: Uint8Array } = {},
) {
  const { version = 0, flags = 0, payload = new Uint8Array(0) } = options;
  return Buffer.concat(encodeFrame({ correlationId: 7, apiKey, apiVersion: version, flags }, body, [payload]));
}

const hello = (): Buffer => frame(helloApi.key, encodeRequest(helloApi, 0, greeting));
const nodeHello = (node: NodeCredentials): Buffer =>
  frame(helloApi.key, encodeRequest(helloApi, 0, { ...greeting, node }));
const metadata = (): Buffer =>
  frame(
    metadataApi.key,
    encodeRequest(metadataApi, 0, { topics: null, allowAutoCreate: false, includeInternal: true }),
  );

describe('bytes that are not the protocol', () => {
  test.each([
    ['HTTP', [Buffer.from('GET / HTTP/1.1\r\n\r\n')], []],
    ['a TLS hello', [Buffer.from('160301020001000001fc0303', 'hex')], ['WRONG_PROTOCOL']],
    ['length 0', [Buffer.alloc(4)], ['INVALID_FRAME']],
    ['length -1', [Buffer.from('ffffffff', 'hex')], ['FRAME_TOO_LARGE']],
    ['length 2^31-1', [Buffer.from('7fffffff', 'hex')], ['FRAME_TOO_LARGE']],
    ['a frame over the limit after Hello', [hello(), Buffer.from('01000001', 'hex')], ['ok', 'FRAME_TOO_LARGE']],
    ['a long frame before Hello', [Buffer.from('00010000', 'hex'), Buffer.alloc(65_536)], ['HELLO_REQUIRED']],
    ['a body longer than its frame', [Buffer.from('0000000c00000001000300000000ffff', 'hex')], ['INVALID_FRAME']],
    ['unknown flags', [hello(), frame(3, new Uint8Array(1), { flags: 0x80 })], ['ok', 'INVALID_FRAME']],
    ['a reply', [hello(), frame(3, new Uint8Array(1), { flags: 1 })], ['ok', 'INVALID_FRAME']],
    ['no Hello', [metadata()], ['HELLO_REQUIRED']],
    ['a second Hello', [hello(), hello()], ['ok', 'HELLO_REQUIRED']],
    [
      'Hello for another cluster',
      [frame(helloApi.key, encodeRequest(helloApi, 0, { ...greeting, clusterId: 'other' }))],
      ['INCONSISTENT_CLUSTER_ID'],
    ],
  ])('%s: a typed error, then the connection ends, and nobody else notices', async (_what, chunks, codes) => {
    const { node, bystander } = await fixture();
    const answer = await answersTo(node, chunks);
    expect(answer.isClosed).toBe(true);
    if (codes.length > 0) expect(answer.codes).toEqual(codes);
    else expect(answer.text).toContain('This port speaks the Millrace protocol, not HTTP');
    await bystander.stop();
  });
});

describe('requests that cannot be served', () => {
  const body = (hex: string): Buffer => Buffer.from(hex, 'hex');
  test.each<[string, Buffer, string]>([
    ['an unknown API', frame(999, new Uint8Array(1)), 'UNSUPPORTED_VERSION'],
    ['an unknown version', frame(metadataApi.key, new Uint8Array(1), { version: 200 }), 'UNSUPPORTED_VERSION'],
    ['an empty body', frame(metadataApi.key, new Uint8Array(0)), 'INVALID_REQUEST'],
    ['an array of 2^32-1 items', frame(metadataApi.key, body('ddffffffff')), 'INVALID_REQUEST'],
    ['a map of 2^32-1 items', frame(metadataApi.key, body('dfffffffff00')), 'INVALID_REQUEST'],
    ['100 levels of arrays', frame(metadataApi.key, body('91'.repeat(100) + '90')), 'INVALID_REQUEST'],
    [
      '60,000 empty arrays',
      frame(metadataApi.key, body(`dc${(60_000).toString(16)}${'90'.repeat(60_000)}`)),
      'INVALID_REQUEST',
    ],
    ['invalid UTF-8', frame(metadataApi.key, body('81a3fffefdc0')), 'INVALID_REQUEST'],
    ['bytes after the body’s end', frame(metadataApi.key, body('80c0')), 'INVALID_REQUEST'],
    ['an extension type', frame(metadataApi.key, body('d40100')), 'INVALID_REQUEST'],
    ['a wrong type', frame(metadataApi.key, body('81a6746f70696373a178')), 'INVALID_REQUEST'],
    [
      'a payload where none belongs',
      frame(metadataApi.key, body('80'), { payload: new Uint8Array(9) }),
      'INVALID_REQUEST',
    ],
  ])('%s: refused, and the connection lives on', async (_what, request, code) => {
    const { node, bystander } = await fixture();
    const answer = await answersTo(node, [hello(), request, metadata()]);
    expect(answer.codes).toEqual(['ok', code, 'ok']);
    expect(answer.isClosed).toBe(false);
    await bystander.stop();
  });

  test('numbers that no schema allows are refused: NaN, fractions, negatives, 2^53', async () => {
    const { node, bystander } = await fixture();
    const base = { maxWaitMs: 0, minBytes: 1, maxBytes: 1, isolation: 'read-uncommitted' as const, partitions: [] };
    for (const value of [NaN, Infinity, 0.5, -1, 2 ** 60]) {
      for (const field of ['maxWaitMs', 'minBytes', 'maxBytes']) {
        const request = frame(fetchApi.key, encodeRequest(fetchApi, 0, { ...base, [field]: value }));
        expect((await answersTo(node, [hello(), request], 20)).codes).toEqual(['ok', 'INVALID_REQUEST']);
      }
    }
    await bystander.stop();
  });

  test('a client on the internal listener, or with a node of another cluster, is refused with the first frame', async () => {
    const { node, bystander } = await fixture();
    const stranger = await answersTo(node, [hello(), metadata()], 50, 7401);
    expect(stranger).toMatchObject({ codes: ['CLUSTER_AUTHORIZATION_FAILED'], isClosed: true });
    const elsewhere = { nodeId: 2, clusterId: 'another', directoryId: 'd', incarnationId: 'i' };
    const foreign = await answersTo(node, [nodeHello(elsewhere), metadata()], 50, 7401);
    expect(foreign).toMatchObject({ codes: ['INCONSISTENT_CLUSTER_ID'], isClosed: true });
    await bystander.stop();
  });

  test('each API is served on its own listener only, whoever asks', async () => {
    const { node, bystander } = await fixture();
    const credentials = { nodeId: 2, clusterId: null, directoryId: 'd', incarnationId: 'i' };
    for (const api of apis.values()) {
      if (api.key === helloApi.key) continue;
      for (const listener of ['client', 'internal'] as const) {
        const opening = listener === 'client' ? hello() : nodeHello(credentials);
        const port = listener === 'client' ? 7400 : 7401;
        const { codes } = await answersTo(node, [opening, frame(api.key, new Uint8Array([0x80]))], 20, port);
        const answer = codes[1];
        const isRefused = answer === 'CLUSTER_AUTHORIZATION_FAILED';
        expect(isRefused, `${api.name} on ${listener}: ${answer}`).toBe(!isServedOn(api, listener));
      }
    }
    await bystander.stop();
  });
});

describe('peers that do not behave', () => {
  test('silence is cut after the handshake time, half a frame after the frame time', async () => {
    const { node, bystander } = await fixture({ handshakeMs: 1000, frameMs: 3000 });
    const silent = await answersTo(node, [], 3000);
    expect(silent).toMatchObject({ codes: ['REQUEST_TIMED_OUT'], isClosed: true });
    const half = await answersTo(node, [hello(), metadata().subarray(0, 20)], 5000);
    expect(half).toMatchObject({ codes: ['ok', 'REQUEST_TIMED_OUT'], isClosed: true });
    await bystander.stop();
  });

  test('one byte a second does not keep a connection', async () => {
    const { node, bystander } = await fixture({ frameMs: 5000 });
    const socket = await node.complete(
      node.simulation.environment('attacker').network.connect({ host: 'node', port: 7400 }),
    );
    const closed = completion();
    socket.setHandler({ onData: () => undefined, onDrain: () => undefined, onClose: () => closed.resolve() });
    socket.write(hello());
    const slow = metadata();
    let seconds = 0;
    for (; seconds < 30 && !closed.isSettled; seconds++) {
      socket.write(slow.subarray(seconds, seconds + 1));
      await node.simulation.runFor(1000);
    }
    expect(seconds).toBeLessThan(10);
    await bystander.stop();
  });

  test('a reader that never reads holds a bounded amount of memory, and is cut off', async () => {
    const settings = { maxOutputBytes: 2_000_000, fetchMaxBytes: 500_000, stallMs: 20_000 };
    const node = await NodeFixture.start({ settings, highWaterMarkBytes: 64_000 });
    const bystander = await Bystander.start(node);
    const writer = await node.client(7400, 'writer');
    const topicId = await node.topic(writer, 'big');
    for (let count = 0; count < 10; count++) {
      await node.complete(produce(writer, [{ topicId, batch: batchOf(['x'.repeat(100_000)]) }]));
    }
    const before = sentBytes(node);
    const reader = await node.client(7400, 'reader');
    reader.socket.pause();
    node.simulation.network.cut('node', 'reader');
    for (let count = 0; count < 200; count++) {
      fetchFrom(reader, [{ topicId, offset: 0 }], { maxBytes: 10_000_000 }).catch(() => undefined);
    }
    await node.simulation.runFor(5_000);
    const queued = sentBytes(node) - before;
    expect(queued).toBeGreaterThan(1_500_000);
    expect(queued).toBeLessThan(2_000_000 + 600_000 + 500_000);
    expect(connections(node)).toBe(3);
    await node.simulation.runFor(25_000);
    expect(connections(node)).toBe(2);
    await bystander.stop();
  });

  test('requests without end are worked on a few at a time', async () => {
    const { node, bystander } = await fixture({ maxInFlightRequests: 8 });
    const client = await node.client();
    const topicId = await node.topic(client, 'orders');
    const fetches = Array.from({ length: 300 }, () => fetchFrom(client, [{ topicId, offset: 0 }], { maxWaitMs: 100 }));
    let worst = 0;
    let isDone = false;
    void Promise.all(fetches).then(() => (isDone = true));
    await node.simulation.runUntil(() => {
      worst = Math.max(worst, node.simulation.metrics('node').value('millrace_pending_fetches'));
      return isDone;
    });
    expect(worst).toBe(8);
    await bystander.stop();
  });

  test('connections beyond the limits are closed at once, and there is room again when others leave', async () => {
    const { node, bystander } = await fixture({ maxConnections: 6, maxConnectionsPerAddress: 3 });
    const from = async (name: string): Promise<'served' | 'refused'> => {
      const client = await node.stranger(7400, name);
      const served = client.hello().then(
        () => 'served' as const,
        () => 'refused' as const,
      );
      return node.complete(served);
    };
    const outcomes: string[] = [];
    for (const name of ['a', 'a', 'a', 'a', 'b', 'b', 'b']) outcomes.push(`${name} ${await from(name)}`);
    expect(outcomes).toEqual(['a served', 'a served', 'a served', 'a refused', 'b served', 'b served', 'b refused']);
    node.simulation.network.reset('node', 'a');
    await node.simulation.runFor(10);
    expect(await from('b')).toBe('served');
    await bystander.stop();
  });
});

describe('random input', () => {
  test('random bytes, and valid frames with flipped, cut, swapped and repeated bytes, harm nobody', async () => {
    const { node, bystander } = await fixture();
    const random = node.simulation.random.stream('fuzz');
    const writer = await node.client();
    const topicId = await node.topic(writer, 'orders');
    const { body, payload } = produceRequest([{ topicId, batch: batchOf(['a', 'b']) }]);
    const valid = [
      hello(),
      metadata(),
      frame(produceApi.key, encodeRequest(produceApi, 0, body), { payload: payload[0]! }),
      frame(
        fetchApi.key,
        encodeRequest(fetchApi, 0, {
          maxWaitMs: 10,
          minBytes: 1,
          maxBytes: 100,
          isolation: 'read-committed',
          partitions: [{ topicId, partition: 0, fetchOffset: 0, leaderEpoch: -1, maxBytes: 100 }],
        }),
      ),
    ];
    for (let round = 0; round < 400; round++) {
      const isGreeted = random.fraction() < 0.8;
      const bytes =
        random.fraction() < 0.2
          ? Buffer.from(random.bytes(random.integer(1, 200)))
          : mangled(valid[random.integer(0, valid.length)]!, random);
      const cut = random.integer(0, bytes.length + 1);
      const chunks = [bytes.subarray(0, cut), bytes.subarray(cut)];
      await answersTo(node, isGreeted ? [hello(), ...chunks] : chunks, 3);
    }
    await bystander.stop();
    expect(node.broker.problems).toEqual([]);
    const unexpected = node.simulation.logger('node').lines.filter(({ message }) => message.includes('unexpectedly'));
    expect(unexpected).toEqual([]);
  });
});

function mangled(frameBytes: Buffer, random: { integer(from: number, to: number): number }): Buffer {
  const bytes = Buffer.from(frameBytes);
  const at = random.integer(0, bytes.length);
  switch (random.integer(0, 5)) {
    case 0:
      bytes[at]! ^= 1 << random.integer(0, 8);
      return bytes;
    case 1:
      return bytes.subarray(0, at);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(random.integer(0, at + 1))]);
    case 3:
      bytes.writeUInt32BE(random.integer(0, 2 ** 32), random.integer(0, bytes.length - 4));
      return bytes;
    default: {
      const other = random.integer(0, bytes.length);
      [bytes[at], bytes[other]] = [bytes[other]!, bytes[at]!];
      return bytes;
    }
  }
}

function sentBytes(node: NodeFixture): number {
  return node.simulation.metrics('node').value('millrace_network_sent_bytes_total', { listener: 'client' });
}

function connections(node: NodeFixture): number {
  return node.simulation.metrics('node').value('millrace_connections', { listener: 'client' });
}
