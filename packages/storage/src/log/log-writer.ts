// hot path
/**
 * The appending side of a log: checks batches, gives them offsets, writes them to the active segment with one call, and
 * only then counts them.
 *
 * An append is atomic in memory: up to the write nothing changes, a write that fails is undone, and what follows the
 * write cannot fail without taking the log offline. A log never gives the same offset twice.
 */
import { assert, MillraceError } from '@millrace/base';
import { BatchView, patchBatch, readTransactionMarker } from '@millrace/record';
import type { EpochEntry } from '../epoch/leader-epoch-history.js';
import type { DuplicateBatch } from '../producer-state/producer-state.js';
import { Segment } from '../segment/segment.js';
import { inspectAppend, type InspectedAppend } from './inspect-append.js';
import type { EpochSaver } from './epoch-saver.js';
import type { LogState } from './log-state.js';
import type { AppendOptions, AppendResult } from './partition-log.js';
import type { AppendMemory, TailCache } from './tail-cache.js';

interface WrittenAppend {
  readonly bytes: Uint8Array;
  readonly inspected: InspectedAppend;
  readonly nowMs: number;
  readonly memory: AppendMemory | undefined;
}

export class LogWriter {
  readonly #state: LogState;
  readonly #tail: TailCache;
  readonly #epochSaver: EpochSaver;
  readonly #view = new BatchView();

  constructor(state: LogState, tail: TailCache, epochSaver: EpochSaver) {
    this.#state = state;
    this.#tail = tail;
    this.#epochSaver = epochSaver;
  }

  append(bytes: Uint8Array, { origin, leaderEpoch, memory }: AppendOptions): AppendResult {
    const state = this.#state;
    assert(state.cutting === undefined, 'nothing is appended while the end of the log is cut off');
    const nowMs = state.environment.clock.wallMs();
    const inspected = inspectAppend(bytes, {
      origin,
      endOffset: state.endOffset,
      latestEpoch: state.epochs.latestEpoch,
      allowsGaps: state.areGapsMarked,
      config: state.config,
      nowMs,
      producers: state.producers,
    });
    if (inspected.duplicate !== undefined) return this.#duplicateResult(inspected.duplicate);
    const isReplica = origin === 'replica';
    const isStamped = !isReplica && state.config.timestampType === 'LogAppendTime';
    if (!isReplica) {
      this.#requireEpoch(leaderEpoch);
      this.#patch(bytes, inspected, { leaderEpoch, logAppendTimeMs: isStamped ? nowMs : undefined });
    }
    const { baseOffset } = this.#view.at(bytes, 0);
    const lastOffset = inspected.lastOffsets.at(-1) ?? -1;
    state.options.admit?.(bytes.length);
    this.#announceEpochs(bytes, inspected);
    const segment = this.#segmentFor(baseOffset, lastOffset, bytes.length, nowMs);
    this.#write(segment, bytes);
    this.#count(segment, { bytes, inspected, nowMs, memory });
    return { baseOffset, lastOffset, logAppendTimeMs: isStamped ? nowMs : -1, duplicate: false };
  }

  /** Closes the active segment and begins a new one at `baseOffset`. */
  roll(baseOffset: number): Segment {
    const state = this.#state;
    const closed = state.active;
    assert(!closed.isEmpty && baseOffset >= state.endOffset, 'a segment that is closed holds records');
    let next: Segment;
    try {
      next = Segment.create(state.context, baseOffset);
    } catch (error) {
      throw state.failed(error);
    }
    closed.seal();
    state.hasClosedSegment = true;
    state.segments.push(next);
    state.isDirectoryDirty = true;
    return next;
  }

  #duplicateResult({ baseOffset, lastOffset, maxTimestamp }: DuplicateBatch): AppendResult {
    const logAppendTimeMs = this.#state.config.timestampType === 'LogAppendTime' ? maxTimestamp : -1;
    return { baseOffset, lastOffset, logAppendTimeMs, duplicate: true };
  }

  #requireEpoch(leaderEpoch: number): void {
    assert(leaderEpoch >= 0, `a leader that appends has an epoch, not ${leaderEpoch}`);
    const { epochs, directory } = this.#state;
    if (leaderEpoch >= epochs.latestEpoch) return;
    throw new MillraceError(
      'FENCED_LEADER_EPOCH',
      `An append of leader epoch ${leaderEpoch} was refused: the log in ${directory} has records of epoch ` +
        String(epochs.latestEpoch),
    );
  }

  #patch(
    bytes: Uint8Array,
    { ends, lastOffsets }: InspectedAppend,
    { leaderEpoch, logAppendTimeMs }: { readonly leaderEpoch: number; readonly logAppendTimeMs: number | undefined },
  ): void {
    let position = 0;
    let baseOffset = this.#state.endOffset;
    for (let index = 0; index < ends.length; index++) {
      const patch =
        logAppendTimeMs === undefined ? { baseOffset, leaderEpoch } : { baseOffset, leaderEpoch, logAppendTimeMs };
      patchBatch(bytes, position, patch);
      position = ends[index] ?? 0;
      baseOffset = (lastOffsets[index] ?? 0) + 1;
    }
  }

  /** Before anything is written: what is on the disk without its epoch is cut off when the process is killed. */
  #announceEpochs(bytes: Uint8Array, { ends }: InspectedAppend): void {
    const state = this.#state;
    const saver = this.#epochSaver;
    // Epochs do not fall from one batch to the next: the last one tells of all.
    if (!saver.mustAnnounce(this.#view.at(bytes, ends.at(-2) ?? 0).leaderEpoch)) return;
    const entries: EpochEntry[] = [];
    let position = 0;
    for (const end of ends) {
      const { leaderEpoch: epoch, baseOffset: startOffset } = this.#view.at(bytes, position);
      if (entries.at(-1)?.epoch !== epoch) entries.push({ epoch, startOffset });
      position = end;
    }
    try {
      saver.announce(entries);
    } catch (error) {
      throw state.failed(error);
    }
  }

  #segmentFor(baseOffset: number, lastOffset: number, bytes: number, nowMs: number): Segment {
    const { active, config } = this.#state;
    const ageMs = nowMs - (active.firstAppendMs ?? nowMs);
    const isFull =
      active.sizeBytes + bytes > config.segmentBytes || active.areIndexesFull || !active.canHold(lastOffset, bytes);
    return !active.isEmpty && (isFull || ageMs >= config.segmentMs) ? this.roll(baseOffset) : active;
  }

  #write(segment: Segment, bytes: Uint8Array): void {
    const state = this.#state;
    try {
      segment.write(bytes, (cause) => state.goOffline(cause));
    } catch (error) {
      throw state.failed(error);
    }
  }

  #count(segment: Segment, append: WrittenAppend): void {
    const state = this.#state;
    const { bytes, nowMs, memory } = append;
    const { ends, lastOffsets } = append.inspected;
    let isEpochNew = false;
    try {
      let position = 0;
      for (const end of ends) {
        const batch = this.#view.at(bytes, position);
        segment.note(batch);
        isEpochNew = state.epochs.assign(batch.leaderEpoch, batch.baseOffset) || isEpochNew;
        state.producers.apply(batch, nowMs, readTransactionMarker(batch));
        position = end;
      }
      segment.firstAppendMs ??= nowMs;
      segment.lastAppendMs = nowMs;
      state.endOffset = segment.nextOffset;
      this.#tail.append(bytes, lastOffsets, ends, memory);
      state.metrics.appendedBytes.add(bytes.length);
    } catch (error) {
      state.goOffline(error);
      throw error;
    }
    if (isEpochNew) this.#epochSaver.changed();
  }
}
