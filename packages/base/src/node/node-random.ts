import { randomBytes, randomInt } from 'node:crypto';
import type { Random, RandomStream } from '../environment/random.js';

/** The system's random source: all streams are one, since nobody replays them. */
export class NodeRandom implements Random {
  stream(): RandomStream {
    return systemStream;
  }
}

const systemStream: RandomStream = {
  integer(from, to) {
    // randomInt takes ranges below 2^48 only.
    return to - from < 2 ** 48 ? randomInt(from, to) : from + Math.floor(this.fraction() * (to - from));
  },
  fraction() {
    const bytes = randomBytes(8);
    return ((bytes.readUInt32BE(0) & 0x1fffff) * 2 ** 32 + bytes.readUInt32BE(4)) / 2 ** 53;
  },
  bytes(count) {
    return randomBytes(count);
  },
};
