/**
 * Takes records away, one piece of work at a time: from the end (truncation, reset), from the start (deletion,
 * retention), from between (compaction).
 *
 * Files and directory entries survive a power cut in any combination, so each step makes durable what the next one
 * relies on:
 *
 *     from the end     recovery point and synced offset fall  ->  later segments go, newest first  ->  the file is cut
 *     from the start   the start offset moves                 ->  segments below it go, in any order
 *     from between     compaction/segment-swap.ts
 */
import { assert, errorCode, MillraceError } from '@millrace/base';
import { type CompactionHost, type CompactionResult, LogCompactor } from '../compaction/log-compactor.js';
import { isCompacted } from '../log-config.js';
import { recoverProducers } from '../recovery/recover-producers.js';
import { decideRetention, type RetainedSegment, type RetentionDecision } from '../retention/retention.js';
import { Segment } from '../segment/segment.js';
import type { EpochSaver } from './epoch-saver.js';
import type { LogState } from './log-state.js';
import type { LogSyncer } from './log-syncer.js';
import type { LogWriter } from './log-writer.js';
import { floorSegment } from './segment-list.js';
import { SerialQueue } from './serial-queue.js';
import type { TailCache } from './tail-cache.js';
import { cutSegment, findCut } from './truncation.js';

export interface LogParts {
  readonly state: LogState;
  readonly tail: TailCache;
  readonly epochSaver: EpochSaver;
  readonly syncer: LogSyncer;
  readonly writer: LogWriter;
}

export class LogRemover {
  readonly #state: LogState;
  readonly #tail: TailCache;
  readonly #epochSaver: EpochSaver;
  readonly #syncer: LogSyncer;
  readonly #writer: LogWriter;
  readonly #compactor: LogCompactor;
  readonly #queue = new SerialQueue();

  constructor({ state, tail, epochSaver, syncer, writer }: LogParts) {
    const { files, clock, logger } = state.environment;
    this.#state = state;
    this.#tail = tail;
    this.#epochSaver = epochSaver;
    this.#syncer = syncer;
    this.#writer = writer;
    this.#compactor = new LogCompactor({ files, clock, logger, directory: state.directory });
  }

  /** After recovery: the log ends here, whatever was compacted before. */
  begin(): Promise<void> {
    return this.#compactor.truncate(this.#state.endOffset);
  }

  /** Lets a compaction that is under way end early. */
  stopCompaction(): void {
    this.#compactor.stop();
  }

  /** Runs work that must not run beside any of the others. */
  alone<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#queue.run(async () => {
      const state = this.#state;
      state.requireUsable();
      try {
        return await work();
      } catch (error) {
        throw error instanceof MillraceError ? error : state.failed(error);
      }
    });
  }

  truncateTo(offset: number): Promise<void> {
    return this.#cut(async () => {
      const state = this.#state;
      if (offset >= state.endOffset) return;
      if (offset < state.startOffset) throw state.outOfRange(offset);
      const index = floorSegment(state.segments, offset);
      const segment = state.segments[index];
      assert(segment !== undefined, 'a log has a segment for each of its offsets');
      const cut = await findCut(segment, offset);
      // The start offset lies inside a batch, and that batch goes: nothing is left.
      if (cut.offset < state.startOffset) return this.#reset(state.startOffset);
      state.info('truncating a log', { from: state.endOffset, to: cut.offset });
      await this.#forgetFrom(cut.offset);
      await this.#removeFrom(index + 1);
      await cutSegment(segment, cut);
      await segment.log.sync();
      segment.isDirty = false;
      state.epochs.truncateFromEnd(cut.offset);
      this.#epochSaver.changedForLater();
      await recoverProducers(state.producerRecovery(), state.segments, state.epochs, cut.offset);
    });
  }

  resetTo(offset: number): Promise<void> {
    return this.#cut(() => this.#reset(offset));
  }

  advanceStartOffset(offset: number): Promise<void> {
    return this.alone(async () => {
      const state = this.#state;
      if (offset <= state.startOffset) return;
      if (offset > state.endOffset) throw state.outOfRange(offset);
      // A start offset must not outlive the records that it stands before.
      if (offset > state.syncedEndOffset) await this.#syncer.sync();
      await this.#moveStartOffset(offset);
      await this.#removeBefore(floorSegment(state.segments, offset));
    });
  }

  /** Returns how many segments went. */
  applyRetention(highWatermark: number): Promise<number> {
    return this.alone(async () => {
      const state = this.#state;
      const { clock } = state.environment;
      state.producers.expire({ wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() });
      // Followers, whom nobody asks for it, forget here which transactions ended below it.
      state.producers.transactions.lastStableOffset(highWatermark);
      let decision = this.#decideRetention(highWatermark);
      // Nothing is deleted for what an index says until that was found to be true.
      for (let checked = 0; checked < decision.removeCount; decision = this.#decideRetention(highWatermark)) {
        const { removeCount } = decision;
        for (; checked < removeCount; checked++) await state.segments[checked]?.largestTimestamp();
      }
      if (decision.rollActive) this.#writer.roll(state.endOffset);
      const { removeCount } = this.#decideRetention(highWatermark);
      const first = state.segments[removeCount];
      if (removeCount === 0 || first === undefined) return 0;
      if (first.baseOffset > state.syncedEndOffset) await this.#syncer.sync();
      if (first.baseOffset > state.startOffset) await this.#moveStartOffset(first.baseOffset);
      await this.#removeBefore(removeCount);
      return removeCount;
    });
  }

  compact(highWatermark: number): Promise<CompactionResult | undefined> {
    return this.alone(async () => {
      const { config, syncedEndOffset } = this.#state;
      if (!isCompacted(config)) return undefined;
      return this.#compactor.run(this.#compactionHost(), Math.min(highWatermark, syncedEndOffset), config);
    });
  }

  markGaps(): Promise<void> {
    return this.alone(async () => {
      await this.#compactor.markGaps();
      this.#state.areGapsMarked = true;
    });
  }

  /** Work on the end of the log. When it fails half way, only opening the log again can tell what is left. */
  #cut(work: () => Promise<void>): Promise<void> {
    return this.alone(() => {
      const state = this.#state;
      const cut = this.#runCut(work);
      const settled = (): void => {
        state.cutting = undefined;
      };
      state.cutting = cut.then(settled, settled);
      return cut;
    });
  }

  async #runCut(work: () => Promise<void>): Promise<void> {
    const state = this.#state;
    try {
      await this.#syncer.idle();
      state.requireUsable();
      await work();
    } catch (error) {
      if (errorCode(error) !== 'OFFSET_OUT_OF_RANGE') state.goOffline(error);
      throw error;
    } finally {
      state.generation++;
    }
  }

  async #reset(offset: number): Promise<void> {
    const state = this.#state;
    state.info('resetting a log', { from: state.startOffset, end: state.endOffset, to: offset });
    await this.#forgetFrom(0);
    await this.#removeFrom(0);
    state.snapshots.removeAll();
    state.epochs.clear();
    this.#epochSaver.changedForLater();
    await this.#epochSaver.save();
    await this.#saveStartOffset(offset);
    state.segments.push(Segment.create(state.context, offset));
    await state.environment.files.syncDirectory(state.directory);
    state.startOffset = offset;
    state.endOffset = offset;
    state.syncedEndOffset = offset;
    state.recoveryPoint = offset;
    this.#tail.clear(offset);
    state.producers.clear(offset);
  }

  /** From `offset` on nothing is known to be synced any more, nor held in memory. Durable when resolved. */
  async #forgetFrom(offset: number): Promise<void> {
    const state = this.#state;
    state.recoveryPoint = Math.min(state.recoveryPoint, offset);
    await state.options.checkpoints.saveRecoveryPoint(state.recoveryPoint);
    await state.bounds.saveSynced(Math.min(state.syncedEndOffset, offset));
    state.generation++;
    state.endOffset = Math.max(offset, state.startOffset);
    state.syncedEndOffset = Math.min(state.syncedEndOffset, state.endOffset);
    this.#tail.clear(state.endOffset);
    await this.#compactor.truncate(offset);
  }

  async #removeFrom(index: number): Promise<void> {
    const state = this.#state;
    const removed = state.segments.splice(index);
    state.generation++;
    for (const segment of removed.reverse()) {
      segment.remove();
      await state.environment.files.syncDirectory(state.directory);
    }
  }

  async #removeBefore(index: number): Promise<void> {
    const state = this.#state;
    const removed = state.segments.splice(0, index);
    if (removed.length === 0) return;
    state.generation++;
    if (state.epochs.truncateFromStart(state.segments[0]?.baseOffset ?? 0)) this.#epochSaver.changedForLater();
    state.info('removing the oldest segments of a log', { count: removed.length, startOffset: state.startOffset });
    try {
      for (const segment of removed) segment.remove();
      await state.environment.files.syncDirectory(state.directory);
    } catch (error) {
      state.goOffline(error);
      throw error;
    }
  }

  async #moveStartOffset(offset: number): Promise<void> {
    await this.#saveStartOffset(offset);
    this.#state.startOffset = offset;
    this.#state.producers.transactions.forgetBefore(offset);
  }

  /** First where it has a checksum: the checkpoint is believed only when that file is gone. */
  async #saveStartOffset(offset: number): Promise<void> {
    const { bounds, options } = this.#state;
    await bounds.saveStart(offset);
    await options.checkpoints.saveStartOffset(offset);
  }

  #decideRetention(highWatermark: number): RetentionDecision {
    const { startOffset, config, environment } = this.#state;
    const segments = this.#state.segments.map((segment): RetainedSegment => ({
      sizeBytes: segment.sizeBytes,
      nextOffset: segment.nextOffset,
      largestTimestampMs: segment.claimedLargestTimestamp,
      lastAppendMs: segment.lastAppendMs,
    }));
    return decideRetention({ segments, startOffset, highWatermark, nowMs: environment.clock.wallMs() }, config);
  }

  #compactionHost(): CompactionHost {
    const state = this.#state;
    return {
      get segments() {
        return state.segments;
      },
      get startOffset() {
        return state.startOffset;
      },
      segmentContext: state.context,
      lastOffsetOf: (producerId) => state.producers.lastOffsetOf(producerId),
      replace: (old, replacement) => {
        const index = state.segments.findIndex((segment) => segment === old[0]);
        assert(index >= 0, 'the segments that are replaced are in the log');
        state.segments.splice(index, old.length, replacement);
        state.generation++;
      },
      fail: (cause) => {
        state.goOffline(cause);
      },
    };
  }
}
