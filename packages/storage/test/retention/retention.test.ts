import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideRetention, type RetainedSegment } from '../../src/retention/retention.js';

const nowMs = 1_000_000;

function segment(nextOffset: number, overrides: Partial<RetainedSegment> = {}): RetainedSegment {
  return { sizeBytes: 100, nextOffset, largestTimestampMs: nowMs, lastAppendMs: undefined, ...overrides };
}

const keepAll = { cleanup: 'delete', retentionMs: -1, retentionBytes: -1 } as const;

describe('retention', () => {
  test('removes the longest run of oldest segments that may go, never the active one, never past the high watermark', () => {
    const arbitrary = fc.record({
      segments: fc.array(
        fc.record({
          sizeBytes: fc.integer({ min: 1, max: 50 }),
          largestTimestampMs: fc.integer({ min: nowMs - 100, max: nowMs + 100 }),
          lastAppendMs: fc.option(fc.integer({ min: nowMs - 100, max: nowMs }), { nil: undefined }),
        }),
        { minLength: 1, maxLength: 8 },
      ),
      startOffset: fc.nat(80),
      highWatermark: fc.nat(80),
      retentionMs: fc.integer({ min: -1, max: 100 }),
      retentionBytes: fc.integer({ min: -1, max: 200 }),
      cleanup: fc.constantFrom('delete', 'compact', 'compact,delete') as fc.Arbitrary<'delete' | 'compact'>,
    });
    fc.assert(
      fc.property(arbitrary, ({ segments: parts, startOffset, highWatermark, ...config }) => {
        const segments = parts.map((part, index) => ({ ...part, nextOffset: (index + 1) * 10 }));
        const { removeCount, rollActive } = decideRetention({ segments, startOffset, highWatermark, nowMs }, config);
        const mayGo = (index: number): boolean => {
          const one = segments[index];
          if (one === undefined || one.nextOffset > highWatermark) return false;
          if (one.nextOffset <= startOffset) return true;
          if (config.cleanup === 'compact') return false;
          const newest = Math.min(one.largestTimestampMs, one.lastAppendMs ?? Infinity);
          if (config.retentionMs >= 0 && nowMs - newest > config.retentionMs) return true;
          const after = segments.slice(index + 1).reduce((sum, other) => sum + other.sizeBytes, 0);
          return config.retentionBytes >= 0 && after >= config.retentionBytes;
        };
        let expected = 0;
        while (expected < segments.length - 1 && mayGo(expected)) expected++;
        expect(removeCount).toBe(expected);
        if (rollActive) expect(expected === segments.length - 1 && mayGo(expected)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('a timestamp from the future does not keep a segment that was last written long ago', () => {
    const future = segment(10, { largestTimestampMs: nowMs * 9, lastAppendMs: nowMs - 500 });
    const state = { segments: [future, segment(20)], startOffset: 0, highWatermark: 20, nowMs };
    expect(decideRetention(state, { ...keepAll, retentionMs: 400 }).removeCount).toBe(1);
    expect(decideRetention(state, { ...keepAll, retentionMs: 600 }).removeCount).toBe(0);
  });

  test('records without timestamps stay until it is known when they were written', () => {
    const config = { ...keepAll, retentionMs: 400 };
    const unknown = segment(10, { largestTimestampMs: -1 });
    const known = segment(10, { largestTimestampMs: -1, lastAppendMs: nowMs - 500 });
    const decide = (one: RetainedSegment): number =>
      decideRetention({ segments: [one, segment(20)], startOffset: 0, highWatermark: 20, nowMs }, config).removeCount;
    expect(decide(unknown)).toBe(0);
    expect(decide(known)).toBe(1);
  });

  test('an active segment that is old is closed first, and only if it holds something', () => {
    const config = { ...keepAll, retentionMs: 400 };
    const decide = (active: RetainedSegment): unknown =>
      decideRetention({ segments: [active], startOffset: 0, highWatermark: 10, nowMs }, config);
    expect(decide(segment(10, { largestTimestampMs: 1 }))).toEqual({ removeCount: 0, rollActive: true });
    expect(decide(segment(0, { largestTimestampMs: -1, sizeBytes: 0 }))).toEqual({ removeCount: 0, rollActive: false });
  });
});
