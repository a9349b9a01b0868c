/**
 * Bytes that no honest peer sends, through everything that stands between a socket and a handler: frame reader, guard,
 * decoder, schema, for requests and for replies. Whatever comes, the outcome is a value or a typed error, and memory
 * stays where it was.
 *
 * `MILLRACE_FUZZ_INPUTS` sets how many inputs, `MILLRACE_FUZZ_SEED` which ones; a failure prints the input.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { MillraceError } from '@millrace/base';
import { seededRandom } from '@millrace/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  apis,
  decodeError,
  decodeRequest,
  decodeResponse,
  encodeFrame,
  encodeRequest,
  encodeResponse,
  errorFlag,
  FrameReader,
  raftMessageApi,
  responseFlag,
  SlabPool,
  splitPayload,
  unpackRaftMessage,
  type AnyApi,
  type Frame,
  type ProduceRequest,
  type RaftMessageRequest,
} from '../src/index.js';
import { arbitraryMessage } from './arbitrary-messages.js';

const inputCount = Number(process.env['MILLRACE_FUZZ_INPUTS'] ?? 1_000_000);
const seed = Number(process.env['MILLRACE_FUZZ_SEED'] ?? 1);
const maxFrameBytes = 1024 * 1024;

const typedErrors: ReadonlySet<string> = new Set([
  'FRAME_TOO_LARGE',
  'INVALID_FRAME',
  'WRONG_PROTOCOL',
  'INVALID_REQUEST',
  'INVALID_RESPONSE',
  'UNSUPPORTED_VERSION',
]);

/** Small and fast: the generator must not cost more than what it feeds. */
class Dice {
  #state: number;

  constructor(start: number) {
    this.#state = start | 1;
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }
}

const dice = new Dice(
  seededRandom(seed)
    .stream('fuzz')
    .integer(1, 2 ** 31),
);

function pick<Item>(items: readonly Item[]): Item {
  return items[dice.below(items.length)] as Item;
}

interface Sample {
  readonly api: AnyApi;
  readonly flags: number;
  readonly body: Uint8Array;
}

const samples: readonly Sample[] = [...apis.values()].flatMap((api) => [
  ...fc
    .sample(arbitraryMessage(api.request, 2), { numRuns: 40, seed })
    .map((message) => ({ api, flags: 0, body: encodeRequest(api, 0, message) })),
  ...fc
    .sample(arbitraryMessage(api.response, 2), { numRuns: 40, seed })
    .map((message) => ({ api, flags: responseFlag, body: encodeResponse(api, 0, message) })),
]);
const apiKeys = [...apis.keys()];
/** Type bytes whose meaning changes most: extensions, the unused one, long counts, binary, floats, big integers. */
const nastyBytes = [
  0x00, 0x80, 0x90, 0xa0, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xcb, 0xcf, 0xd3, 0xd4, 0xd6, 0xdb, 0xdd, 0xdf, 0xff,
];

const greetings = [
  'GET / HTTP/1.1\r\n',
  'POST ',
  'PRI * HTTP/2.0\r\n',
  'HTTP/1.1 400',
  '\x16\x03\x01',
  'SSH-2.0-x\r\n',
  'PING\r\n',
];

function frameOf({ api, flags, body }: Sample, payload: readonly Uint8Array[] = []): Buffer {
  const header = { correlationId: dice.below(2 ** 31), apiKey: api.key, apiVersion: 0, flags };
  return Buffer.concat(encodeFrame(header, body, payload));
}

function randomBytes(maxLength: number): Buffer {
  const bytes = Buffer.allocUnsafe(dice.below(maxLength));
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = dice.below(256);
  return bytes;
}

const generators: Readonly<Record<string, () => Uint8Array>> = {
  'random bytes': () => randomBytes(80),
  'another protocol': () => Buffer.concat([Buffer.from(pick(greetings), 'latin1'), randomBytes(40)]),
  'random body in a good frame': () => frameOf({ api: pick(samples).api, flags: dice.below(4), body: randomBytes(60) }),
  'flipped bits': () => {
    const frame = frameOf(pick(samples));
    for (let flips = 1 + dice.below(6); flips > 0; flips -= 1) {
      const at = dice.below(frame.length);
      frame[at] = (frame[at] ?? 0) ^ (1 << dice.below(8));
    }
    return frame;
  },
  'flipped bits in the body': () => {
    const frame = frameOf(pick(samples));
    for (let flips = 1 + dice.below(3); flips > 0 && frame.length > 16; flips -= 1) {
      const at = 16 + dice.below(frame.length - 16);
      frame[at] = (frame[at] ?? 0) ^ (1 << dice.below(8));
    }
    return frame;
  },
  'nasty bytes in the body': () => {
    const frame = frameOf(pick(samples));
    for (let count = 1 + dice.below(4); count > 0 && frame.length > 16; count -= 1) {
      frame[16 + dice.below(frame.length - 16)] = pick(nastyBytes);
    }
    return frame;
  },
  'the body of another API': () => frameOf({ ...pick(samples), body: pick(samples).body }),
  'two bodies spliced': () => {
    const { body: start } = pick(samples);
    const sample = pick(samples);
    const cut = dice.below(start.length + 1);
    return frameOf({ ...sample, body: Buffer.concat([start.subarray(0, cut), sample.body.subarray(cut)]) });
  },
  'a body cut short or with bytes after it': () => {
    const sample = pick(samples);
    const cut = sample.body.subarray(0, dice.below(sample.body.length + 1));
    return frameOf({ ...sample, body: dice.below(2) === 0 ? cut : Buffer.concat([sample.body, randomBytes(8)]) });
  },
  'another API key, version or flags': () => {
    const frame = frameOf(pick(samples));
    if (dice.below(2) === 0) frame.writeUInt16BE(dice.below(4) === 0 ? dice.below(0x10000) : pick(apiKeys), 8);
    if (dice.below(2) === 0) frame[10] = dice.below(3);
    if (dice.below(2) === 0) frame[11] = dice.below(4);
    return frame;
  },
  'a payload that does not fit': () => frameOf(pick(samples), [randomBytes(40)]),
  'several frames and a piece of one': () => {
    const frames = [frameOf(pick(samples)), frameOf(pick(samples)), frameOf(pick(samples))];
    const all = Buffer.concat(frames);
    return all.subarray(0, all.length - dice.below(20));
  },
};

const outcomes = new Map<string, number>();

function count(outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

function note(error: unknown): void {
  if (!(error instanceof MillraceError) || !typedErrors.has(error.code)) throw error;
  count(error.code);
}

/** What a node does with a request, and a client with a reply. */
function handle(frame: Frame): void {
  try {
    const api = apis.get(frame.apiKey);
    if (api === undefined) {
      count('unknown api');
    } else if ((frame.flags & errorFlag) !== 0) {
      decodeError(frame.body);
      count('accepted');
    } else if ((frame.flags & responseFlag) !== 0) {
      const message = decodeResponse(api, frame.apiVersion, frame.body, frame.payload.length);
      checkAccepted(api, message, false);
    } else {
      const message = decodeRequest(api, frame.apiVersion, frame.body, frame.payload.length);
      checkAccepted(api, message, true);
      if (api === raftMessageApi) unpackRaftMessage(message as RaftMessageRequest, frame.payload);
      else if (api.requestPayload) splitPayload((message as ProduceRequest).partitions, frame.payload);
    }
  } catch (error) {
    note(error);
  }
}

/** A value that was accepted is one that we could have sent: it survives the way back. */
function checkAccepted(api: AnyApi, message: unknown, isRequest: boolean): void {
  count('accepted');
  if (dice.below(16) !== 0) return;
  const bytes = isRequest ? encodeRequest(api, 0, message) : encodeResponse(api, 0, message);
  const again = isRequest ? decodeRequest(api, 0, bytes) : decodeResponse(api, 0, bytes);
  const bytesAgain = isRequest ? encodeRequest(api, 0, again) : encodeResponse(api, 0, again);
  if (!Buffer.from(bytes).equals(bytesAgain)) throw new Error(`accepted ${JSON.stringify(message)} and lost it`);
}

function feed(slabs: SlabPool, input: Uint8Array): void {
  const reader = new FrameReader({
    maxFrameBytes,
    slabs,
    onFrame: handle,
    onError: note,
  });
  const cut = dice.below(4) === 0 ? dice.below(input.length + 1) : input.length;
  reader.push(input.subarray(0, cut));
  reader.push(input.subarray(cut));
  if (reader.isMidFrame) count('incomplete');
  if (reader.bufferedBytes > input.length) throw new Error(`holds ${reader.bufferedBytes} of ${input.length} bytes`);
  reader.close();
}

function usedBytes(): number {
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}

/** What really lives, garbage apart. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return usedBytes();
}

test(`${inputCount} hostile inputs end in a value or a typed error, in bounded memory`, { timeout: 3_600_000 }, () => {
  const kinds = Object.entries(generators);
  const slabs = new SlabPool({ maxFreeBytes: 4 * 1024 * 1024 });
  const before = liveBytes();
  let peak = 0;
  // Most inputs end in an error, and nobody looks at where it was made.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  for (let index = 0; index < inputCount; index += 1) {
    const [kind, generate] = kinds[index % kinds.length] as (typeof kinds)[number];
    const input = generate();
    const copy = Buffer.from(input);
    try {
      feed(slabs, input);
    } catch (error) {
      Error.stackTraceLimit = stackTraceLimit;
      throw new Error(`seed ${seed}, input ${index} (${kind}): ${copy.toString('hex')}`, { cause: error });
    }
    if (index % 5000 === 0) peak = Math.max(peak, usedBytes() - before);
  }
  Error.stackTraceLimit = stackTraceLimit;
  const grown = liveBytes() - before;

  const table = [...outcomes].sort(([, a], [, b]) => b - a).map(([outcome, times]) => `${outcome} ${times}`);
  const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  process.stdout.write(
    `fuzz: ${inputCount} inputs, seed ${seed}: ${table.join(', ')}; live memory grew by ${mebibytes(grown)}, ` +
      `with garbage at most ${mebibytes(peak)}\n`,
  );
  expect(grown).toBeLessThan(16 * 2 ** 20);
  expect(peak).toBeLessThan(256 * 2 ** 20);
  // The run is worth something only when every gate was reached.
  if (inputCount >= 100_000) {
    for (const outcome of ['accepted', 'unknown api', 'incomplete', ...typedErrors]) {
      expect([outcome, (outcomes.get(outcome) ?? 0) > 0]).toEqual([outcome, true]);
    }
  }
});
