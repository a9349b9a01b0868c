/**
 * The three checkpoint files of a data directory, and the rule they share: an offset in them never lies past the data
 * it speaks of.
 *
 * | file                               | per partition                                             | lost or too low |
 * |------------------------------------|-----------------------------------------------------------|-----------------|
 * | recovery-point-offset-checkpoint   | all below is synced, and so are the files derived from it | more is scanned |
 * | log-start-offset-checkpoint        | records below were deleted                                | they are back   |
 * | replication-offset-checkpoint      | high watermark                                            | it starts lower |
 */
import type { FileSystem, Logger } from '@millrace/base';
import type { LogCheckpoints } from '../log/log-checkpoints.js';
import type { HostedLog } from './hosted-log.js';
import { OffsetCheckpoint } from './offset-checkpoint.js';
import type { PartitionName } from './partition-name.js';

export class DirectoryCheckpoints {
  readonly #recoveryPoints: OffsetCheckpoint;
  readonly #startOffsets: OffsetCheckpoint;
  readonly #highWatermarks: OffsetCheckpoint;

  constructor(files: FileSystem, directory: string, logger: Logger) {
    this.#recoveryPoints = new OffsetCheckpoint(files, `${directory}/recovery-point-offset-checkpoint`, logger);
    this.#startOffsets = new OffsetCheckpoint(files, `${directory}/log-start-offset-checkpoint`, logger);
    this.#highWatermarks = new OffsetCheckpoint(files, `${directory}/replication-offset-checkpoint`, logger);
  }

  recoveryPoint(name: PartitionName): number {
    return this.#recoveryPoints.get(name) ?? 0;
  }

  startOffset(name: PartitionName): number {
    return this.#startOffsets.get(name) ?? 0;
  }

  /** As it was last noted: a hint, which the log may have fallen short of since. */
  highWatermark(name: PartitionName): number {
    return this.#highWatermarks.get(name) ?? 0;
  }

  /** What the log itself calls for, each resolved when durable. */
  forLog(name: PartitionName): LogCheckpoints {
    return {
      saveStartOffset: (offset) => {
        this.#startOffsets.set(name, offset);
        return this.#startOffsets.save();
      },
      saveRecoveryPoint: (offset) => {
        this.#recoveryPoints.set(name, offset);
        return this.#recoveryPoints.save();
      },
    };
  }

  /** Takes over where a log is now; `save` makes it durable. */
  note(hosted: HostedLog, highWatermark: number | undefined): void {
    const { log } = hosted;
    if (log.isOffline) return;
    this.#recoveryPoints.set(hosted, log.recoveryPoint);
    this.#startOffsets.set(hosted, log.startOffset);
    if (highWatermark !== undefined) this.#highWatermarks.set(hosted, Math.min(highWatermark, log.syncedEndOffset));
  }

  /** Forgets a partition; durable when resolved, so that a later one of that name cannot inherit its offsets. */
  async forget(name: PartitionName): Promise<void> {
    for (const checkpoint of this.#all()) checkpoint.delete(name);
    await this.save();
  }

  async save(): Promise<void> {
    await Promise.all(this.#all().map((checkpoint) => checkpoint.save()));
  }

  #all(): readonly OffsetCheckpoint[] {
    return [this.#recoveryPoints, this.#startOffsets, this.#highWatermarks];
  }
}
