/**
 * One partition as a consumer reads it. Pure: told what happened, it moves; the fetch core decides what to ask.
 *
 *     locating ──located──▶ reading ──out of range, policy earliest or latest──▶ locating
 *         │                    │
 *         └───── final error ──┴──▶ failed ──seek──▶ locating or reading
 *
 *     log   0 ............ position ......... fetchOffset ............. end
 *                          │ next to deliver  │ next to fetch
 *                          └── chunks ────────┘ fetched and not delivered
 *
 * Invariants: position <= fetchOffset; chunks are contiguous from position to fetchOffset; at most one request for the
 * partition is in flight; what comes back for an older `generation` (before a seek) is dropped.
 */
import { assert, type MillraceError } from '@millrace/base';
import type { Chunk } from './chunk.js';
import type { StartPosition } from './consumer-record.js';
import { PartitionError } from './partition-error.js';
import type { FinishedOffsets } from './run/finished-offsets.js';

export type PartitionPhase = 'locating' | 'reading' | 'failed';

export class PartitionState {
  readonly topic: string;
  readonly partition: number;
  /** The topic that a group means; undefined: whichever has the name. */
  readonly boundTopicId: string | undefined;
  #phase: PartitionPhase = 'locating';
  #target: StartPosition;
  #position = -1;
  #fetchOffset = -1;
  #chunks: Chunk[] = [];
  #bufferedBytes = 0;
  #error: PartitionError | undefined;
  /** Rises with every seek. */
  #generation = 0;
  #failures = 0;
  /** Nothing is asked before this moment. */
  retryAtMs = 0;
  /** The generation for which a request is on its way; -1: none. Moved by the core. */
  askedGeneration = -1;
  /** The position is not in the log any more; what was fetched before is delivered first. Moved by the core. */
  outOfRange: MillraceError | undefined;
  isPaused = false;
  /** It is being taken or given up: no record of it is fetched or given out. Moved by the core. */
  isWithheld = false;
  /** The consumer does not read it any more: nothing of it is handed over. Moved by the core. */
  isRemoved = false;
  /** The program works on something of it: no more is given out, so that its records stay in order. Moved by the core. */
  isHeld = false;
  /** Whether it stands in the core's line of partitions with something to deliver. Moved by the core. */
  isInLine = false;
  /** The topic as first seen; a topic created again under the name has another id, and other records. */
  topicId: string | undefined;
  /** The offset after the newest record that a callback of `run` was called with, since the last seek. Moved by `run`. */
  begunOffset = -1;
  /** While records are worked on side by side: which of them are finished; undefined: all before the position. */
  finished: FinishedOffsets | undefined;
  /** Where it began to be read; -1 before. */
  originOffset = -1;
  /** As last heard from the leader; -1 before. */
  highWatermark = -1;

  constructor(topic: string, partition: number, from: StartPosition, boundTopicId?: string) {
    this.topic = topic;
    this.partition = partition;
    this.boundTopicId = boundTopicId;
    this.#target = from;
    this.seek(from);
  }

  get phase(): PartitionPhase {
    return this.#phase;
  }

  get target(): StartPosition {
    return this.#target;
  }

  /** Next offset to deliver; undefined while it is being found. */
  get position(): number | undefined {
    return this.#phase === 'locating' || this.#position < 0 ? undefined : this.#position;
  }

  get fetchOffset(): number {
    return this.#fetchOffset;
  }

  get generation(): number {
    return this.#generation;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Whether a request is on its way whose answer counts. */
  get isAsked(): boolean {
    return this.askedGeneration === this.#generation;
  }

  /** Whether everything that was fetched has been handed to the program. */
  get isDrained(): boolean {
    return this.#chunks.length === 0 && this.#position === this.#fetchOffset;
  }

  /** Whether `take` or `takeError` has something. */
  get hasNews(): boolean {
    return this.#chunks.length > 0 || this.#error !== undefined;
  }

  /** Goes to another place and drops what was fetched. Also the way out of `failed`. */
  seek(to: StartPosition): void {
    this.#drop();
    this.#error = undefined;
    this.#target = to;
    this.retryAtMs = 0;
    this.#failures = 0;
    if (typeof to === 'object' && 'offset' in to) this.#startAt(to.offset);
    else {
      this.#phase = 'locating';
      this.#position = -1;
    }
  }

  located(offset: number): void {
    assert(this.#phase === 'locating', 'an offset is found for a partition that looks for one');
    this.#succeeded();
    this.#startAt(offset);
  }

  fetched(chunk: Chunk): void {
    assert(this.#phase === 'reading' && chunk.firstOffset === this.#fetchOffset, 'a chunk follows what is there');
    this.#succeeded();
    this.highWatermark = chunk.highWatermark;
    this.#fetchOffset = chunk.nextOffset;
    if (chunk.bytes.length > 0) {
      this.#chunks.push(chunk);
      this.#bufferedBytes += chunk.bytes.length;
    }
    if (chunk.error !== undefined) this.#fail(chunk.error, this.#fetchOffset, chunk.resumeOffset);
  }

  /** The request failed in a way that may pass. */
  backOff(nowMs: number, waitMs: (failures: number) => number): void {
    this.#failures += 1;
    this.retryAtMs = nowMs + waitMs(this.#failures);
  }

  /** Reading cannot go on. What was fetched before is still delivered, then the error. */
  fail(error: MillraceError): void {
    this.#fail(error, this.#fetchOffset, undefined);
  }

  /** A batch that was handed out turned out to be unreadable: everything behind it waits until the program seeks. */
  failAt(error: MillraceError, offset: number, nextOffset: number): PartitionError {
    this.#drop();
    this.#position = offset;
    this.#fail(error, offset, nextOffset);
    const failure = this.#error as unknown as PartitionError;
    this.#error = undefined;
    return failure;
  }

  /** The oldest chunk. Its delivery is up to the caller, who calls `delivered`. */
  take(): Chunk | undefined {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) this.#bufferedBytes -= chunk.bytes.length;
    return chunk;
  }

  /** Gives back what is left of a chunk that was taken: all from the position on. Fetched anew when it was released. */
  putBack(chunk: Chunk): void {
    if (this.#position >= chunk.nextOffset) return;
    if (chunk.memory?.isReleased === true) {
      this.seek({ offset: this.#position });
      return;
    }
    this.#chunks.unshift({ ...chunk, firstOffset: this.#position });
    this.#bufferedBytes += chunk.bytes.length;
  }

  /** The error that ended reading, once, when everything before it was taken. */
  takeError(): PartitionError | undefined {
    if (this.#chunks.length > 0) return undefined;
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  /** Everything before `position` was handed to the program. */
  delivered(position: number): void {
    this.#position = position;
  }

  #startAt(offset: number): void {
    this.#phase = 'reading';
    this.#position = offset;
    this.#fetchOffset = offset;
    if (this.originOffset === -1) this.originOffset = offset;
  }

  #succeeded(): void {
    this.#failures = 0;
    this.retryAtMs = 0;
  }

  #fail(error: MillraceError, offset: number, nextOffset: number | undefined): void {
    this.#phase = 'failed';
    this.#error = new PartitionError({ topic: this.topic, partition: this.partition, offset, nextOffset }, error);
  }

  #drop(): void {
    this.#generation += 1;
    this.begunOffset = -1;
    this.finished = undefined;
    this.#chunks = [];
    this.#bufferedBytes = 0;
    this.outOfRange = undefined;
  }
}
