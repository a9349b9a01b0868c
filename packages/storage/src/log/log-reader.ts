/**
 * Reads that memory cannot serve: whole batches out of a segment, off the event loop.
 *
 * Where to look is told by the offset index, or by a hint left where an earlier read ended, so that a reader who goes
 * through the log from end to end looks nothing up. Every batch is checked before it is handed out: its CRC, and its
 * place in the chain of batches. When the first batch is not what an index or hint promised, that is made anew and the
 * read begins again; when the log itself is not what it should be, the read fails with `CORRUPT_LOG`.
 *
 * The files may change while a read waits (truncation, retention, compaction): `generation` tells, and the read begins
 * again.
 */
import { MillraceError, type Logger } from '@millrace/base';
import { batchHeaderBytes, BatchView } from '@millrace/record';
import { readFully } from '../read-fully.js';
import { headerProblem } from '../segment/batch-check.js';
import type { Segment } from '../segment/segment.js';
import { corruptLog, offsetOutOfRange } from '../storage-errors.js';
import { BatchChain, type ChainRules } from './batch-chain.js';
import type { ReadBuffers } from './read-buffers.js';
import { floorSegment } from './segment-list.js';

export interface ReadResult {
  /** Whole batches, the first of which holds the offset that was asked for; empty when there is none yet. */
  readonly bytes: Uint8Array;
  /** Gives the memory back: `bytes` must not be used after it. Without it the memory is collected. */
  release?(): void;
}

/** What of the log a read depends on. */
export interface ReadableLog extends ChainRules {
  readonly segments: readonly Segment[];
  /** Changes whenever records were removed or replaced. */
  readonly generation: number;
  /** Resolves when the end of the log is not being cut off; undefined when it is not. */
  readonly cutting: Promise<void> | undefined;
}

/** Runs a lookup again when the files changed under it: `generation` is that of the log when it began. */
export async function undisturbed<Result>(
  log: ReadableLog,
  lookUp: (generation: number) => Promise<Result>,
  discard: (result: Result) => void = () => undefined,
): Promise<Result> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    await log.cutting;
    const { generation } = log;
    try {
      const result = await lookUp(generation);
      if (generation === log.generation) return result;
      discard(result);
    } catch (error) {
      if (generation === log.generation) throw error;
    }
  }
  throw new MillraceError('KAFKA_STORAGE_ERROR', 'A read gave up: the log kept changing under it', { retriable: true });
}

/** To be called before an index is blamed for what it said: it may have been about files that are gone. */
export function requireGeneration(log: ReadableLog, generation: number): void {
  if (log.generation !== generation)
    throw new MillraceError('KAFKA_STORAGE_ERROR', 'The log changed', { retriable: true });
}

export interface LogReaderOptions {
  readonly buffers: ReadBuffers;
  readonly logger: Logger;
  readonly directory: string;
}

export interface ReadRequest {
  readonly offset: number;
  readonly maxBytes: number;
  readonly endOffset: number;
}

interface ReadPlace {
  readonly position: number;
  /** What the first batch must have; undefined when nothing promised it. */
  readonly lastOffset: number | undefined;
  readonly baseOffset: number | undefined;
}

interface Hint {
  readonly segment: Segment;
  readonly position: number;
}

const maxHints = 32;
/** Enough to find the batch after an index entry, and a few more, in one read. */
const minReadBytes = 16 * 1024;
const maxAttempts = 20;

export class LogReader {
  readonly #log: ReadableLog;
  readonly #buffers: ReadBuffers;
  readonly #logger: Logger;
  readonly #directory: string;
  /** By the offset that a read ended at; the oldest first. */
  readonly #hints = new Map<number, Hint>();
  #hintsGeneration = 0;

  constructor(log: ReadableLog, options: LogReaderOptions) {
    this.#log = log;
    this.#buffers = options.buffers;
    this.#logger = options.logger;
    this.#directory = options.directory;
  }

  /** The offset lies in the log. Throws `CORRUPT_LOG`, or what the file system throws. */
  read(request: ReadRequest): Promise<ReadResult> {
    return undisturbed(
      this.#log,
      (generation) => this.#attempt(request, generation),
      (result) => result.release?.(),
    );
  }

  async #attempt(request: ReadRequest, generation: number): Promise<ReadResult> {
    const { segments } = this.#log;
    const startOffset = segments[0]?.baseOffset ?? 0;
    // Retention was quicker than the reader.
    if (request.offset < startOffset)
      throw offsetOutOfRange(this.#directory, request.offset, startOffset, request.endOffset);
    for (let index = floorSegment(segments, request.offset); ; index++) {
      const segment = segments[index];
      if (segment === undefined || segment.baseOffset >= request.endOffset) return { bytes: noBytes };
      const result = await this.#readSegment(segment, request, generation);
      if (result !== undefined) return result;
    }
  }

  /** Undefined when the segment has nothing at or after the offset: compaction took its end. */
  async #readSegment(segment: Segment, request: ReadRequest, generation: number): Promise<ReadResult | undefined> {
    const hinted = this.#hinted(segment, request.offset);
    const place = hinted ?? (await this.#lookUp(segment, request.offset));
    const first = place === undefined ? promiseBroken : await this.#readFrom(segment, place, request);
    if (first !== promiseBroken) return first;
    requireGeneration(this.#log, generation);
    this.#logger.warn('an index does not fit its log', { path: segment.log.path });
    this.#hints.clear();
    await segment.renewIndexes();
    const start = (await this.#lookUp(segment, request.offset)) ?? beginning;
    const second = await this.#readFrom(segment, start, request);
    if (second !== promiseBroken) return second;
    throw corruptLog(segment.log.path, start.position, 'no batch where one begins');
  }

  #hinted(segment: Segment, offset: number): ReadPlace | undefined {
    if (this.#hintsGeneration !== this.#log.generation) this.#hints.clear();
    const hint = this.#hints.get(offset);
    if (hint?.segment !== segment || hint.position >= segment.sizeBytes) return undefined;
    this.#hints.delete(offset);
    return { position: hint.position, lastOffset: undefined, baseOffset: this.#log.allowsGaps ? undefined : offset };
  }

  async #lookUp(segment: Segment, offset: number): Promise<ReadPlace | undefined> {
    const place = await segment.placeOf(offset);
    return place && { ...place, baseOffset: undefined };
  }

  async #readFrom(
    segment: Segment,
    place: ReadPlace,
    request: ReadRequest,
  ): Promise<ReadResult | typeof promiseBroken | undefined> {
    const isActive = segment === this.#log.segments.at(-1);
    // What is appended while we read is for the next read.
    const end = segment.sizeBytes;
    const { nextOffset } = segment;
    const walk = new BatchWalk(this.#log, segment, place, request);
    let position = place.position;
    let wanted = Math.max(request.maxBytes, minReadBytes);
    while (position < end) {
      const buffer = this.#buffers.take(Math.min(wanted, end - position));
      const length = Math.min(buffer.length, end - position);
      const filled = await readFully(segment.log, buffer, length, position);
      const found = walk.through(buffer, filled, position);
      if (found.start >= 0) {
        this.#leaveHint(segment, found.nextOffset, position + found.end);
        return this.#result(buffer, found.start, found.end);
      }
      this.#buffers.give(buffer);
      if (found.isPromiseBroken) return promiseBroken;
      if (found.isPastEnd) return { bytes: noBytes };
      const reached = position + found.end;
      if (reached < end && (filled < length || reached + found.needed > end)) {
        if (!walk.hasBegun && place.position > 0) return promiseBroken;
        throw corruptLog(segment.log.path, reached, 'the file ends, or a batch reaches past its end');
      }
      position = reached;
      wanted = Math.max(wanted, found.needed);
    }
    if (place.position > 0 && place.position >= end) return promiseBroken;
    if (isActive) return { bytes: noBytes };
    if (!this.#log.allowsGaps && walk.nextOffset !== nextOffset) {
      throw corruptLog(
        segment.log.path,
        end,
        `it ends at offset ${walk.nextOffset}, the next segment begins at ${nextOffset}`,
      );
    }
    return undefined;
  }

  #leaveHint(segment: Segment, offset: number, position: number): void {
    this.#hintsGeneration = this.#log.generation;
    this.#hints.delete(offset);
    this.#hints.set(offset, { segment, position });
    if (this.#hints.size <= maxHints) return;
    for (const oldest of this.#hints.keys()) {
      this.#hints.delete(oldest);
      return;
    }
  }

  #result(buffer: Buffer, start: number, end: number): ReadResult {
    let isHeld = true;
    return {
      bytes: buffer.subarray(start, end),
      release: () => {
        if (isHeld) this.#buffers.give(buffer);
        isHeld = false;
      },
    };
  }
}

const promiseBroken = Symbol('promise broken');
const noBytes = new Uint8Array(0);
const beginning: ReadPlace = { position: 0, lastOffset: undefined, baseOffset: undefined };

interface Walked {
  /** Where the first batch of the answer begins in the buffer; -1 when it is not in it. */
  readonly start: number;
  /** Where the batches end that were walked over, and, with `start`, the answer. */
  readonly end: number;
  readonly nextOffset: number;
  /** How many bytes the batch at `end` has, as far as they tell. */
  readonly needed: number;
  /** The answer would begin at or after the end offset of the request. */
  readonly isPastEnd: boolean;
  readonly isPromiseBroken: boolean;
}

/** Goes through the batches of one segment, piece by piece, up to the ones that answer the request. */
class BatchWalk {
  readonly #log: ReadableLog;
  readonly #segment: Segment;
  readonly #place: ReadPlace;
  readonly #request: ReadRequest;
  readonly #view = new BatchView();
  #chain: BatchChain | undefined;

  constructor(log: ReadableLog, segment: Segment, place: ReadPlace, request: ReadRequest) {
    this.#log = log;
    this.#segment = segment;
    this.#place = place;
    this.#request = request;
  }

  /** Whether a batch was seen that is what the place promised. */
  get hasBegun(): boolean {
    return this.#chain !== undefined;
  }

  get nextOffset(): number {
    return this.#chain?.nextOffset ?? this.#segment.baseOffset;
  }

  through(buffer: Buffer, filled: number, filePosition: number): Walked {
    const view = this.#view;
    const { offset, maxBytes, endOffset } = this.#request;
    let at = 0;
    let start = -1;
    let nextOffset = this.nextOffset;
    let needed = batchHeaderBytes;
    let isPastEnd = false;
    let isPromiseBroken = false;
    while (filled - at >= batchHeaderBytes) {
      view.at(buffer, at);
      let problem = headerProblem(view);
      isPromiseBroken = this.#isBrokenBy(view, problem);
      if (isPromiseBroken) break;
      if (problem === undefined) {
        needed = view.sizeBytes;
        if (needed > filled - at || (start >= 0 && at + needed - start > maxBytes)) break;
        // Only a batch that was checked may say that it lies beyond the end: a reader would wait for ever.
        problem = view.isCrcValid() ? this.#link(view) : 'a batch whose checksum does not match';
        isPastEnd = problem === undefined && view.lastOffset >= endOffset;
        if (isPastEnd) break;
      }
      if (problem !== undefined) {
        // What comes before the damage is good, and its readers will meet the damage next.
        if (start >= 0) break;
        throw corruptLog(this.#segment.log.path, filePosition + at, problem);
      }
      nextOffset = view.nextOffset;
      if (start < 0 && nextOffset > offset) start = at;
      at += needed;
      needed = batchHeaderBytes;
    }
    return { start, end: at, nextOffset, needed, isPastEnd, isPromiseBroken };
  }

  /** Whether the first batch is not the one that the index or hint promised. */
  #isBrokenBy(view: BatchView, problem: string | undefined): boolean {
    const { position, lastOffset, baseOffset } = this.#place;
    if (this.hasBegun || position === 0) return false;
    if (problem !== undefined) return true;
    if (lastOffset !== undefined && lastOffset !== view.lastOffset) return true;
    return baseOffset !== undefined && baseOffset !== view.baseOffset;
  }

  #link(view: BatchView): string | undefined {
    const isFirstOfSegment = this.#place.position === 0;
    this.#chain ??= new BatchChain(this.#log, isFirstOfSegment ? this.#segment.baseOffset : view.baseOffset);
    return this.#chain.add(view);
  }
}
