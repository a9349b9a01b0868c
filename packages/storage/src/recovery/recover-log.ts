/**
 * Opens the files of a partition log.
 *
 *        first .. adopted as they are .. | scanned ..................... active |
 *     |--------|--------|--------|-------+---|--------|--------|---~~~~ torn
 *                                  recovery point        synced
 *
 * After a clean stop only the end of the active segment is scanned, to find where it ends. After an unclean one the
 * scan begins at the recovery point: below it, log and derived files are known to be synced.
 *
 * The scan goes on to the first thing that is not the next batch. Below what is known to be synced (the recovery
 * point, the synced offset of `log-bounds`) that is damage: the log does not open, and nothing is cut off. Above, it is what a crash left
 * of appends that nobody was told had succeeded: the log ends there, the rest is removed, and what stays is synced.
 * Later segments go before the file is cut, newest first and durably, so that a crash on the way leaves what this same
 * code finds again.
 *
 * Everything else is derived: indexes, leader epochs and producers come from their files when these agree with the
 * log, and from the log when not.
 */
import { assert, MillraceError, type Logger } from '@millrace/base';
import { recoverSwaps } from '../compaction/segment-swap.js';
import {
  leaderEpochCheckpointName,
  readLeaderEpochCheckpoint,
  writeLeaderEpochCheckpoint,
} from '../epoch/leader-epoch-checkpoint.js';
import { type EpochEntry, LeaderEpochHistory } from '../epoch/leader-epoch-history.js';
import { logSuffix, parseSegmentName } from '../segment/segment-name.js';
import { Segment, type SegmentContext, type SegmentPlace } from '../segment/segment.js';
import { corruptLog } from '../storage-errors.js';
import { floorSegment } from '../log/segment-list.js';
import { type EpochCheck, findDisagreement, scanEpochs } from './epoch-recovery.js';
import { type ProducerRecovery, recoverProducers } from './recover-producers.js';
import { recoverSegment, trustedPlace } from './recover-segment.js';
import { rewrite } from './rewrite.js';

export interface RecoveryRequest extends ProducerRecovery {
  readonly allowsGaps: boolean;
  readonly cleanShutdown: boolean;
  /** All below is synced, and so are the files derived from it. */
  readonly recoveryPoint: number;
  /** All below is synced; at least the recovery point. */
  readonly syncedOffset: number;
  readonly startOffset: number;
  /** Epochs that began, and that the saved history may not have. */
  readonly journaledEpochs: readonly EpochEntry[];
  /** Durably takes the recovery point back. */
  distrustFrom(offset: number): Promise<void>;
}

export interface RecoveredLog {
  /** At least one; the last is the active one. */
  readonly segments: Segment[];
  readonly epochs: LeaderEpochHistory;
  readonly areEpochsSaved: boolean;
  /** All below survives a power cut; what is above does when the epochs were saved. */
  readonly syncedOffset: number;
  readonly startOffset: number;
}

export async function recoverLog(request: RecoveryRequest): Promise<RecoveredLog> {
  const { context } = request;
  await recoverSwaps(context.files, context.directory);
  const segments = findSegments(context);
  if (segments.length === 0) return { ...(await beginLog(request)), startOffset: request.startOffset };
  const oldestOffset = segments[0]?.baseOffset ?? 0;
  // The start offset was durable before the segments below it went.
  if (request.startOffset > 0 && request.startOffset < oldestOffset) {
    throw corruptLog(
      context.directory,
      0,
      `segments are missing: it begins at ${oldestOffset} and not at ${request.startOffset}`,
    );
  }

  await removeDeleted(context, segments, request.startOffset);
  // A segment that ends at the recovery point may have been closed since, and its time index lack the last entry.
  const firstScanned = request.cleanShutdown ? segments.length - 1 : floorSegment(segments, request.recoveryPoint - 1);
  await adoptSegments(segments, firstScanned);
  const begin = await beginScan(request, segments, firstScanned);
  const { epochs } = begin;
  const { endOffset, unsavedFrom } = await scanSegments(request, segments, firstScanned, begin);
  epochs.truncateFromEnd(endOffset);
  const firstOffset = segments[0]?.baseOffset ?? 0;
  const startOffset = Math.max(request.startOffset, firstOffset);
  if (startOffset > endOffset) {
    throw corruptLog(context.directory, 0, `it ends at offset ${endOffset}, before its start offset ${startOffset}`);
  }
  epochs.truncateFromStart(firstOffset);
  await recoverProducers(request, segments, epochs, endOffset);
  const areEpochsSaved = isSame(begin.savedEpochs, epochs);
  return { segments, epochs, areEpochsSaved, syncedOffset: unsavedFrom ?? endOffset, startOffset };
}

function isSame(saved: LeaderEpochHistory | undefined, { entries }: LeaderEpochHistory): boolean {
  if (saved?.entries.length !== entries.length) return false;
  return saved.entries.every(
    ({ epoch, startOffset }, index) => epoch === entries[index]?.epoch && startOffset === entries[index].startOffset,
  );
}

function findSegments(context: SegmentContext): Segment[] {
  const { files, directory } = context;
  const names = files.list(directory).map(parseSegmentName);
  const bases = names.flatMap((name) => (name?.suffix === logSuffix ? [name.baseOffset] : []));
  return bases.map((baseOffset) => Segment.existing(context, baseOffset));
}

async function beginLog(request: RecoveryRequest): Promise<Omit<RecoveredLog, 'startOffset'>> {
  const { context, snapshots, producers, startOffset, syncedOffset } = request;
  const { files, directory } = context;
  if (syncedOffset > startOffset) {
    throw corruptLog(directory, 0, `its segments are missing, and it was synced up to offset ${syncedOffset}`);
  }
  // Indexes and snapshots without a log are of one that is gone.
  for (const name of files.list(directory)) {
    if (parseSegmentName(name) !== undefined) files.removeFile(`${directory}/${name}`);
  }
  snapshots.removeAll();
  producers.clear(startOffset);
  const epochs = new LeaderEpochHistory();
  await writeLeaderEpochCheckpoint(files, directory, epochs);
  const segment = Segment.create(context, startOffset);
  await files.syncDirectory(directory);
  return { segments: [segment], epochs, areEpochsSaved: true, syncedOffset: startOffset };
}

/** Finishes a removal that a crash interrupted: of these segments any may be left, with holes between them. */
async function removeDeleted(context: SegmentContext, segments: Segment[], startOffset: number): Promise<void> {
  const count = floorSegment(segments, startOffset);
  if (count === 0) return;
  for (const segment of segments.splice(0, count)) segment.remove();
  await context.files.syncDirectory(context.directory);
}

async function adoptSegments(segments: readonly Segment[], count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    const segment = segments[index];
    const next = segments[index + 1];
    if (segment === undefined || next === undefined) continue;
    if (!segment.adopt(next.baseOffset)) await segment.rebuildIndexes();
  }
}

interface ScanBegin {
  readonly place: SegmentPlace;
  /** Of all batches below `place`; there may be later ones, which the scan replaces. */
  readonly epochs: LeaderEpochHistory;
  /**
   * As they were saved, before what was appended under them was synced: what each batch must have, unless the journal
   * vouches for it. Undefined when nothing is saved any more.
   */
  readonly savedEpochs: LeaderEpochHistory | undefined;
}

async function beginScan(
  request: RecoveryRequest,
  segments: readonly Segment[],
  firstScanned: number,
): Promise<ScanBegin> {
  const { files, directory, logger } = request.context;
  const { allowsGaps } = request;
  const scanned = segments[firstScanned];
  assert(scanned !== undefined, 'a log has a segment to scan');
  const knownOffset = request.cleanShutdown ? Number.MAX_SAFE_INTEGER : request.recoveryPoint;
  const history = readLeaderEpochCheckpoint(files, directory);
  // Without a history all batches are looked at.
  const trusted = history === undefined ? undefined : await trustedPlace(scanned, knownOffset);
  // From here on the indexes of this segment are not what the recovery point says of them, until it moves again.
  if (trusted === undefined && request.recoveryPoint > scanned.baseOffset)
    await request.distrustFrom(scanned.baseOffset);
  const place = trusted ?? scanned.restart();
  if (history === undefined) {
    if (segments.some((segment) => !segment.isEmpty))
      logger.warn('making the leader epochs of a log anew', { directory });
    const epochs = await scanEpochs(segments.slice(0, firstScanned));
    return { place, epochs, savedEpochs: undefined };
  }
  const lastOffset = place.lastOffset ?? scanned.baseOffset - 1;
  const check = { endOffset: knownOffset, lastOffset, allowsGaps };
  await requireAgreement(directory, history, segments.slice(0, firstScanned + 1), check);
  return { place, epochs: history, savedEpochs: LeaderEpochHistory.from(history.entries) };
}

/**
 * The leader epoch of a batch is not covered by its checksum: the history, which was written apart from it, is what
 * tells that it is damaged. There is no telling which of the two it is, so neither is believed.
 */
async function requireAgreement(
  directory: string,
  history: LeaderEpochHistory,
  segments: readonly Segment[],
  check: EpochCheck,
): Promise<void> {
  const batch = await findDisagreement(history, segments, check);
  if (batch === undefined) return;
  const path = `${directory}/${leaderEpochCheckpointName}`;
  throw new MillraceError(
    'CORRUPT_LOG',
    `${path} does not fit the log: the batch at offset ${batch.baseOffset} in ${batch.path}, byte ${batch.position}, has ` +
      `leader epoch ${batch.leaderEpoch}, and should have ${history.epochAt(batch.baseOffset)}. One of the two is damaged. ` +
      `When it is known that the log is not, remove ${path}: it is made anew`,
  );
}

/** Finds where the log ends; takes the segments out that lie beyond it. */
async function scanSegments(
  request: RecoveryRequest,
  segments: Segment[],
  firstScanned: number,
  { place, epochs, savedEpochs }: ScanBegin,
): Promise<{ readonly endOffset: number; readonly unsavedFrom: number | undefined }> {
  const { context, cleanShutdown, recoveryPoint, allowsGaps, journaledEpochs } = request;
  const syncedOffset = cleanShutdown ? Number.MAX_SAFE_INTEGER : request.syncedOffset;
  let endOffset = segments[firstScanned]?.baseOffset ?? 0;
  let unsavedFrom: number | undefined;
  for (let index = firstScanned; index < segments.length; index++) {
    const segment = segments[index];
    if (segment === undefined) break;
    const fits = allowsGaps ? segment.baseOffset >= endOffset : segment.baseOffset === endOffset;
    if (!fits) {
      const problem = `this segment begins at offset ${segment.baseOffset}, the one before it ends at ${endOffset}`;
      if (endOffset < syncedOffset) throw corruptLog(segment.log.path, 0, problem);
      await dropSegments(segments, index, context, problem);
      break;
    }
    const from = index === firstScanned ? place : segment.restart();
    const end = await recoverSegment(segment, from, {
      allowsGaps,
      epochs,
      savedEpochs,
      journaledEpochs,
      syncedOffset,
    });
    endOffset = segment.nextOffset;
    unsavedFrom ??= end.unsavedFrom;
    if (end.unsyncedFrom !== undefined) await rewrite(segment.log, end.unsyncedFrom, segment.sizeBytes);
    if (end.problem !== undefined) {
      if (endOffset < syncedOffset) throw corruptLog(segment.log.path, end.position, end.problem);
      await dropSegments(segments, index + 1, context, end.problem);
      logTornTail(context.logger, segment, end.problem);
      segment.cutFile();
      break;
    }
    if (index < segments.length - 1) segment.seal();
  }
  if (cleanShutdown ? endOffset < recoveryPoint : endOffset < syncedOffset) {
    const path = segments.at(-1)?.log.path ?? context.directory;
    throw corruptLog(
      path,
      segments.at(-1)?.sizeBytes ?? 0,
      `the log ends at offset ${endOffset}, and was synced up to ${Math.max(recoveryPoint, request.syncedOffset)}`,
    );
  }
  if (cleanShutdown) return { endOffset, unsavedFrom };
  for (const segment of segments.slice(firstScanned)) {
    await segment.log.sync();
    segment.isDirty = false;
  }
  await context.files.syncDirectory(context.directory);
  return { endOffset, unsavedFrom };
}

async function dropSegments(segments: Segment[], from: number, context: SegmentContext, reason: string): Promise<void> {
  const dropped = segments.splice(from);
  if (dropped.length === 0) return;
  for (const segment of dropped.reverse()) {
    context.logger.warn('removed a segment that was never synced', {
      path: segment.log.path,
      bytes: segment.sizeBytes,
      reason,
    });
    segment.remove();
    await context.files.syncDirectory(context.directory);
  }
}

function logTornTail(logger: Logger, segment: Segment, problem: string): void {
  logger.warn('cut off the torn end of a log', {
    path: segment.log.path,
    fromByte: segment.sizeBytes,
    bytes: segment.log.sizeBytes() - segment.sizeBytes,
    endOffset: segment.nextOffset,
    problem,
  });
}
