import { assert, type Random, type RandomStream } from '@millrace/base';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { hashEnd, hashStart, hashText } from './hash.js';

/**
 * Random numbers decided by a seed. Each named stream is seeded by hash(seed, name), so one more draw in one place
 * changes no other stream. Asking twice for one name gives the same stream, which goes on where it was.
 */
export function seededRandom(seed: number | string): Random {
  const streams = new Map<string, RandomStream>();
  return {
    stream(name) {
      let stream = streams.get(name);
      if (stream === undefined) {
        stream = new SeededStream(hashEnd(hashText(hashText(hashStart, String(seed)), name)));
        streams.set(name, stream);
      }
      return stream;
    },
  };
}

class SeededStream implements RandomStream {
  readonly #generator: RandomGenerator;

  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  integer(from: number, to: number): number {
    assert(Number.isSafeInteger(from) && Number.isSafeInteger(to) && from < to, `empty range ${from} to ${to}`);
    const count = to - from;
    // Off from even by less than one part in 2^32 / count: nobody here counts so long.
    if (count <= 2 ** 32) return from + Math.floor(((this.#generator.next() >>> 0) / 2 ** 32) * count);
    return from + Math.floor(this.fraction() * count);
  }

  fraction(): number {
    const high = this.#generator.next() & 0x1fffff;
    const low = this.#generator.next() >>> 0;
    return (high * 2 ** 32 + low) / 2 ** 53;
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    for (let index = 0; index < count; index += 1) bytes[index] = this.#generator.next() >>> 24;
    return bytes;
  }
}
