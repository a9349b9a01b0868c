// hot path
/**
 * Workers that take one record at a time, in order within each key of a partition.
 *
 *     chunks ─ read one by one ─▶ lanes by key ─▶ workers ─▶ finished offsets ─▶ what is committed
 *
 * No more is read ahead than it takes to find work for every worker, so that records of many keys never pile up; and
 * never further than the partition's share of `maxUnfinishedRecords` from its first unfinished record, so that one slow
 * record does not make the program read on for ever. What is not read stays with the fetch core, which stops fetching.
 *
 * When a partition is to be given up, or `run` ends, what was begun is finished, and all that comes before it: nothing
 * between two finished records is left out, for the next reader goes on behind the last.
 */
import { completion, type Completion } from '@millrace/base';
import type { ConsumerRecord } from '../consumer-record.js';
import type { Delivery, HeldChunk } from '../delivery.js';
import type { PartitionState } from '../partition-state.js';
import type { RecordReader } from '../record-reader.js';
import type { FailurePolicy } from './failure-policy.js';
import { FinishedOffsets } from './finished-offsets.js';
import { KeyLanes } from './key-lanes.js';
import type { RunSettings } from './run-options.js';
import type { Worker } from './worker.js';

export interface KeyRunOptions<Key, Value> {
  readonly delivery: Delivery<Key, Value>;
  readonly settings: RunSettings<Key, Value>;
  readonly policy: FailurePolicy<Key, Value>;
  /** Bound of the fetched bytes that records underway lie in; one chunk may always be worked on. */
  readonly maxBytes: number;
  readonly partitionCount: () => number;
  readonly isOver: () => boolean;
  /** It ended by an error: what was not begun is not begun any more. */
  readonly isFailed: () => boolean;
}

/** The bytes of a chunk count until its last record is finished. */
interface Span {
  readonly bytes: number;
  open: number;
}

interface Track {
  readonly state: PartitionState;
  readonly generation: number;
  readonly finished: FinishedOffsets;
  isCut: boolean;
}

interface Task<Key, Value> {
  readonly owner: Track;
  readonly lane: string | null;
  readonly record: ConsumerRecord<Key, Value>;
  readonly ticket: number;
  readonly span: Span;
}

interface OpenChunk<Key, Value> {
  readonly held: HeldChunk;
  readonly track: Track;
  readonly reader: RecordReader<Key, Value>;
  readonly span: Span;
}

export class KeyRun<Key, Value> {
  readonly #options: KeyRunOptions<Key, Value>;
  readonly #lanes = new KeyLanes<Task<Key, Value>>();
  readonly #tracks = new Map<PartitionState, Track>();
  /** Chunks being read, each of another partition; they take turns. */
  #chunks: OpenChunk<Key, Value>[] = [];
  #bytes = 0;
  #idle: Completion<void>[] = [];
  /** Partitions may have come, gone, or be given up. */
  #isChanged = false;

  constructor(options: KeyRunOptions<Key, Value>) {
    this.#options = options;
  }

  /** Resolves when nothing is left to do for it. */
  async work(worker: Worker): Promise<void> {
    const { isOver, isFailed } = this.#options;
    try {
      while (!isFailed()) {
        const task = this.#next();
        if (task !== undefined) await this.#run(worker, task);
        else if (isOver()) return;
        else await this.#wait();
      }
    } finally {
      this.wake();
    }
  }

  /** Partitions come, go or have more: those who wait look. */
  wake(): void {
    this.#isChanged = true;
    const idle = this.#idle;
    this.#idle = [];
    for (const one of idle) one.resolve();
  }

  /** After the last worker: partitions where records are missing are read again from the first of them. */
  end(): void {
    for (const track of this.#tracks.values()) this.#settle(track);
  }

  #next(): Task<Key, Value> | undefined {
    const { settings, isOver } = this.#options;
    const isEnding = isOver();
    if (this.#isChanged || isEnding) this.#look(isEnding);
    for (;;) {
      if (!isEnding) while (this.#lanes.readyCount < settings.concurrency && this.#readOne());
      const task = this.#lanes.next();
      if (task !== undefined && !isCurrent(task.owner)) {
        this.#release(task.span);
        this.#lanes.done(task);
        continue;
      }
      // There may be enough for another worker too, which looks for the next in its turn.
      if (task !== undefined) this.#idle.shift()?.resolve();
      return task;
    }
  }

  #look(isEnding: boolean): void {
    this.#isChanged = false;
    for (const track of this.#tracks.values()) {
      if (!isCurrent(track)) this.#forget(track);
      else if (isEnding || track.state.isWithheld) this.#cut(track);
    }
  }

  async #run(worker: Worker, task: Task<Key, Value>): Promise<void> {
    const { settings, policy, delivery } = this.#options;
    const { owner, record, span, ticket } = task;
    const { state, finished } = owner;
    const callback = settings.eachRecord as NonNullable<typeof settings.eachRecord>;
    if (record.offset >= state.begunOffset) state.begunOffset = record.offset + 1;
    worker.begin(state, record.offset);
    try {
      for (let attempt = 1; ; attempt++) {
        worker.asks += 1;
        try {
          const ending = callback(record);
          if (ending !== undefined) await ending;
          break;
        } catch (error) {
          const verdict = await policy.judge({ error, attempt, record, batch: undefined }, state, worker);
          if (verdict === 'leave') return;
          if (verdict === 'skip') break;
        }
      }
      finished.finish(ticket);
      worker.records += 1;
      delivery.processed(1);
    } finally {
      worker.end();
      this.#release(span);
      this.#lanes.done(task);
      this.#tellDone(owner);
    }
  }

  /** Puts one more record into its lane; whether there was one. */
  #readOne(): boolean {
    // As many partitions as there are workers take turns, so that none waits for the end of another's chunk.
    if (this.#chunks.length < this.#options.settings.concurrency) this.#openChunk();
    for (let turn = this.#chunks.length; turn > 0; turn--) {
      const open = this.#chunks.shift() as OpenChunk<Key, Value>;
      if (open.track.state.isPaused || open.track.finished.size >= this.#share) {
        this.#chunks.push(open);
        continue;
      }
      if (this.#readFrom(open)) {
        this.#chunks.push(open);
        return true;
      }
    }
    return this.#openChunk() && this.#readOne();
  }

  #readFrom({ held, track, reader, span }: OpenChunk<Key, Value>): boolean {
    let record;
    try {
      record = reader.next();
    } catch (error) {
      this.#close(held, span);
      throw error;
    }
    if (record === undefined) {
      if (isCurrent(track)) {
        track.state.delivered(held.chunk.nextOffset);
        track.finished.skipTo(held.chunk.nextOffset);
      }
      this.#close(held, span);
      return false;
    }
    const lane = record.keyBytes?.toString('latin1') ?? null;
    const ticket = track.finished.add(record.offset);
    track.state.delivered(record.offset + 1);
    span.open += 1;
    this.#lanes.add({ owner: track, lane, record, ticket, span });
    return true;
  }

  #openChunk(): boolean {
    const { delivery, maxBytes } = this.#options;
    if (this.#bytes >= maxBytes) return false;
    const held = delivery.hold();
    if (held === undefined) return false;
    const { state, chunk, generation } = held;
    let track = this.#tracks.get(state);
    if (track?.generation !== generation) {
      track = { state, generation, finished: new FinishedOffsets(state.position ?? chunk.firstOffset), isCut: false };
      this.#tracks.set(state, track);
      state.finished = track.finished;
    }
    const span = { bytes: chunk.bytes.length, open: 1 };
    this.#bytes += span.bytes;
    this.#chunks.push({ held, track, reader: delivery.read(held), span });
    return true;
  }

  /** A partition that cannot be read further than this lets the others go on. */
  get #share(): number {
    const { maxUnfinishedRecords } = this.#options.settings;
    return Math.max(1, Math.floor(maxUnfinishedRecords / Math.max(1, this.#options.partitionCount())));
  }

  #close(held: HeldChunk, span: Span): void {
    this.#chunks = this.#chunks.filter((open) => open.held !== held);
    this.#release(span);
    this.#options.delivery.release(held);
  }

  #release(span: Span): void {
    span.open -= 1;
    if (span.open === 0) this.#bytes -= span.bytes;
  }

  /** Nothing more of it is begun but what lies before something that was. */
  #cut(track: Track): void {
    if (track.isCut) return;
    track.isCut = true;
    const { state, finished } = track;
    this.#closeChunkOf(track);
    const end = Math.max(state.begunOffset, finished.committable);
    this.#drop(track, ({ record }) => record.offset >= end);
    finished.cut(end);
    this.#tellDone(track);
  }

  /** It was lost, or the program has sought elsewhere in it. */
  #forget(track: Track): void {
    this.#closeChunkOf(track);
    this.#drop(track, () => true);
    if (this.#tracks.get(track.state) === track) this.#tracks.delete(track.state);
  }

  #drop(track: Track, isDropped: (task: Task<Key, Value>) => boolean): void {
    this.#lanes.drop(track, (task) => {
      if (!isDropped(task)) return false;
      this.#release(task.span);
      return true;
    });
  }

  #closeChunkOf(track: Track): void {
    for (const open of this.#chunks.filter((one) => one.track === track)) this.#close(open.held, open.span);
  }

  #tellDone(track: Track): void {
    if (track.isCut && track.finished.size === 0) this.#options.delivery.tellAskers();
  }

  #settle(track: Track): void {
    const { state, finished } = track;
    if (!isCurrent(track)) return;
    this.#closeChunkOf(track);
    const { committable } = finished;
    state.finished = undefined;
    if (state.position !== committable) state.seek({ offset: committable });
    this.#options.delivery.tellAskers();
  }

  async #wait(): Promise<void> {
    const waiter = completion();
    this.#idle.push(waiter);
    await waiter.promise;
  }
}

function isCurrent({ state, generation, finished }: Track): boolean {
  return state.generation === generation && state.finished === finished;
}
