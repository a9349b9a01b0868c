/**
 * Makes a log durable, in an order that recovery can rely on:
 *
 *     the names of new segments, the leader epochs  ->  segments, oldest first  ->  syncedEndOffset moves
 *     all of that  ->  indexes  ->  producer snapshot  ->  recoveryPoint moves
 *
 * One sync runs at a time, and serves all who waited for it to begin. One that failed is the last: the kernel may have
 * dropped what it could not write, and would call the next one a success.
 */
import type { Segment } from '../segment/segment.js';
import { isDiskFull, isOutOfHandles, storageFailed } from '../storage-errors.js';
import type { EpochSaver } from './epoch-saver.js';
import { GroupSync } from './group-sync.js';
import type { LogState } from './log-state.js';
import { floorSegment } from './segment-list.js';

export class LogSyncer {
  /** Called after `syncedEndOffset` moved. */
  onSynced: () => void = () => undefined;

  readonly #state: LogState;
  readonly #epochSaver: EpochSaver;
  readonly #groupSync = new GroupSync(() => this.#run());

  constructor(state: LogState, epochSaver: EpochSaver) {
    this.#state = state;
    this.#epochSaver = epochSaver;
  }

  /** Resolves when all that was appended before the call is durable. */
  sync(): Promise<void> {
    const { offlineReason, directory, cutting, syncedEndOffset, endOffset, isDirectoryDirty } = this.#state;
    if (offlineReason !== undefined) return Promise.reject(storageFailed(directory, offlineReason));
    if (cutting !== undefined) return cutting.then(() => this.sync());
    if (syncedEndOffset === endOffset && !isDirectoryDirty) return Promise.resolve();
    return this.#groupSync.sync();
  }

  /** Resolves when no sync is under way or asked for. */
  idle(): Promise<void> {
    return this.#groupSync.idle();
  }

  /** Moves the recovery point up to where the log ended at the call; not as far when the disk has no room. */
  async advanceRecoveryPoint(): Promise<void> {
    const state = this.#state;
    const { endOffset } = state;
    if (endOffset === state.recoveryPoint && this.#epochSaver.isSaved && !state.hasClosedSegment) return;
    // The one that ends at the recovery point may have been closed since: that gave its time index a last entry.
    const changed = state.segments.slice(floorSegment(state.segments, state.recoveryPoint - 1));
    state.hasClosedSegment = false;
    // As it is now: producers go on while we wait.
    const snapshot = state.producers.snapshot();
    await this.sync();
    for (const segment of changed) {
      if (await this.#syncIndexes(segment)) continue;
      state.hasClosedSegment = true;
      return;
    }
    await this.#epochSaver.save();
    await state.snapshots.take(snapshot);
    await state.environment.files.syncDirectory(state.directory);
    state.recoveryPoint = Math.max(state.recoveryPoint, endOffset);
  }

  async #run(): Promise<void> {
    const state = this.#state;
    // Who waited behind a sync that failed: another one would say it went well, and prove nothing.
    if (state.offlineReason !== undefined) throw storageFailed(state.directory, state.offlineReason);
    const { clock } = state.environment;
    const startMs = clock.monotonicMs();
    const before = state.syncedEndOffset;
    try {
      await this.#syncAll();
    } catch (error) {
      throw state.failed(error);
    }
    state.metrics.syncSeconds.record((clock.monotonicMs() - startMs) / 1000);
    if (state.syncedEndOffset === before) return;
    state.bounds.noteSynced(state.syncedEndOffset);
    this.onSynced();
  }

  async #syncAll(): Promise<void> {
    const state = this.#state;
    // Those that are dirty now were created before the directory is synced; later ones are for the next run.
    const dirty = dirtySegments(state.segments);
    const endBefore = state.endOffset;
    await this.#syncNewNames();
    await this.#epochSaver.save();
    for (const segment of dirty) {
      const segmentEnd = segment.nextOffset;
      await this.#syncSegment(segment);
      state.syncedEndOffset = Math.max(state.syncedEndOffset, segmentEnd);
    }
    // What was not dirty had been synced on another occasion: by a truncation.
    state.syncedEndOffset = Math.max(state.syncedEndOffset, endBefore);
  }

  async #syncNewNames(): Promise<void> {
    const state = this.#state;
    if (!state.isDirectoryDirty) return;
    state.isDirectoryDirty = false;
    try {
      await state.environment.files.syncDirectory(state.directory);
    } catch (error) {
      state.isDirectoryDirty = true;
      throw error;
    }
  }

  async #syncSegment(segment: Segment): Promise<void> {
    // Opens the file when the pool had closed it: that may fail for want of a handle, and be tried again. A sync may not.
    segment.log.sizeBytes();
    // Cleared first: what is appended meanwhile is for the next run.
    segment.isDirty = false;
    try {
      await segment.log.sync();
    } catch (error) {
      this.#state.goOffline(error);
      throw error;
    }
  }

  /** False when there is no room to write them. */
  async #syncIndexes(segment: Segment): Promise<boolean> {
    try {
      return await segment.syncIndexes();
    } catch (error) {
      if (isDiskFull(error) || isOutOfHandles(error)) return false;
      throw this.#state.failed(error);
    }
  }
}

/** Oldest first. Before the active segment and one that is dirty there may be dirty ones, before a clean one not. */
function dirtySegments(segments: readonly Segment[]): Segment[] {
  const dirty: Segment[] = [];
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index];
    if (segment?.isDirty === true) dirty.unshift(segment);
    else if (index < segments.length - 1) break;
  }
  return dirty;
}
