/**
 * What one fetch brought of one partition: whole record batches, checked before anybody sees them.
 *
 *     bytes   [batch][batch][batch]      good, up to nextOffset
 *                                  [?]   a bad batch ends the chunk; `error` says what is wrong with it
 */
import { MillraceError } from '@millrace/base';
import { BatchView, nextBatchSize, type Compression } from '@millrace/record';
import { type AbortedRange, AbortedRanges } from './aborted-ranges.js';
import type { ChunkMemory, ReplyMemory } from './reply-memory.js';

export interface Chunk {
  readonly bytes: Uint8Array;
  /** First offset to deliver: the first batch may begin before it. */
  readonly firstOffset: number;
  /** The offset after the last good batch. */
  readonly nextOffset: number;
  /** The offset after the last readable record of the partition, as the leader knew it. */
  readonly highWatermark: number;
  /** Aborted transactions with records among these, which nobody gets. */
  readonly aborted: readonly AbortedRange[];
  /** Whether anything of it can be given to anybody: not when all is aborted, or the ends of transactions. */
  readonly hasRecords: boolean;
  /** Set when a bad batch follows; it begins at `nextOffset` or later. */
  readonly error: MillraceError | undefined;
  /** The offset after the bad batch, where its header can be believed. */
  readonly resumeOffset: number | undefined;
  /** What `bytes` lie in; undefined when there are none. */
  readonly memory: ChunkMemory | undefined;
}

/** What the leader sent of one partition. */
export interface FetchedBytes {
  readonly bytes: Uint8Array;
  readonly highWatermark: number;
  /** Left out: none. */
  readonly aborted?: readonly AbortedRange[];
  /** Where the bytes lie; left out, they are nobody else's. */
  readonly memory?: ReplyMemory | undefined;
}

const noneAborted: readonly AbortedRange[] = [];

/** Walks over fetched bytes. Every batch in the result has a valid checksum and ends after `fetchOffset`. */
export function readChunk(fetched: FetchedBytes, fetchOffset: number): Chunk {
  const { bytes, highWatermark, memory, aborted = noneAborted } = fetched;
  const view = new BatchView();
  const abortedRanges = AbortedRanges.of(aborted);
  let hasRecords = false;
  let position = 0;
  let nextOffset = fetchOffset;
  const upTo = (error?: MillraceError, resumeOffset?: number): Chunk => ({
    bytes: bytes.subarray(0, position),
    firstOffset: fetchOffset,
    nextOffset,
    highWatermark,
    aborted,
    hasRecords,
    error,
    resumeOffset,
    memory: position === 0 ? undefined : memory?.share(),
  });
  try {
    while (position < bytes.length) {
      const size = nextBatchSize(bytes, position, bytes.length);
      if (size === undefined) return upTo(corrupt('the fetched bytes end inside a batch'));
      view.at(bytes, position);
      const after = view.nextOffset;
      if (!view.isCrcValid()) return upTo(corrupt('a batch has a wrong checksum'), resume(after, nextOffset));
      // A batch that brings nothing new would be fetched again for ever.
      if (!Number.isSafeInteger(after) || after <= nextOffset) {
        return upTo(corrupt(`a batch ends at offset ${after}, not after ${nextOffset}`));
      }
      if (!view.isControl && abortedRanges?.has(view) !== true) hasRecords = true;
      position += size;
      nextOffset = after;
    }
  } catch (error) {
    if (error instanceof MillraceError && error.code !== 'ASSERTION_FAILED') return upTo(error);
    throw error;
  }
  return upTo();
}

/** The compressions of fetched batches: some need a codec to be loaded before they can be read. */
export function compressionsIn(bytes: Uint8Array): ReadonlySet<Compression> {
  const found = new Set<Compression>();
  const view = new BatchView();
  let position = 0;
  try {
    for (;;) {
      const size = nextBatchSize(bytes, position, bytes.length);
      if (size === undefined) return found;
      found.add(view.at(bytes, position).compression);
      position += size;
    }
  } catch {
    // Bytes that cannot be walked over are judged by `readChunk`, which says what is wrong with them.
    return found;
  }
}

/** The header of a bad batch may lie: its end is believed only when it lies ahead, and not absurdly far. */
function resume(after: number, nextOffset: number): number | undefined {
  return Number.isSafeInteger(after) && after > nextOffset && after - nextOffset < 2 ** 31 ? after : undefined;
}

function corrupt(what: string): MillraceError {
  return new MillraceError('CORRUPT_MESSAGE', `${what}.`);
}
