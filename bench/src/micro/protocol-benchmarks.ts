/** Frames: cut out of the stream of a socket, and the reply to a fetch put together. */
import { encodeFrame, encodeResponse, fetchApi, type FetchResponse, FrameReader } from '@millrace/protocol';
import type { MicroBenchmark } from './micro-benchmark.js';

const header = { correlationId: 1, apiKey: fetchApi.key, apiVersion: 0, flags: 0 };

export const readFrames: MicroBenchmark = {
  name: 'frame reader: cut frames of 1 KiB out of chunks of 64 KiB',
  unit: 'frame',
  prepare: () => {
    const frame = Buffer.concat([...encodeFrame(header, Buffer.alloc(32), [Buffer.alloc(1024 - 48)])]);
    const chunk = Buffer.concat(Array.from({ length: 64 }, () => frame));
    let seen = 0;
    const reader = new FrameReader({
      maxFrameBytes: 1 << 20,
      onFrame: ({ payload }) => {
        if (payload.length === 1024 - 48) seen += 1;
      },
      onError: (error) => {
        throw error;
      },
    });
    return (units) => {
      for (seen = 0; seen < units;) reader.push(chunk);
      return seen;
    };
  },
};

export const encodeFetchReplies: MicroBenchmark = {
  name: 'fetch: encode a reply of three partitions',
  unit: 'reply',
  prepare: () => {
    const entry = (partition: number): FetchResponse['partitions'][number] => ({
      topicId: 'cP_Mc1c0LZNHe8dCeAub1g',
      partition,
      error: 0,
      message: null,
      highWatermark: 123_456_789,
      lastStableOffset: 123_456_789,
      logStartOffset: 0,
      aborted: [],
      bytes: 65_536,
    });
    const body: FetchResponse = { partitions: [entry(0), entry(1), entry(2)] };
    const payload = [Buffer.alloc(65_536), Buffer.alloc(65_536), Buffer.alloc(65_536)];
    return (units) => {
      let encoded = 0;
      for (let index = 0; index < units; index += 1)
        if (encodeFrame(header, encodeResponse(fetchApi, 0, body), payload).length === 4) encoded += 1;
      return encoded;
    };
  },
};
