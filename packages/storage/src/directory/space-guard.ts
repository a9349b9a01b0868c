/**
 * Refuses appends before the disk is full, so that there is always room left to sync, to checkpoint and to delete.
 *
 * Asking the system costs a call, so it is not asked for each append: a measurement that found room for some bytes is
 * good for half of them (other processes write too), and for a second. Below the mark it is asked at most ten times a
 * second; appends go on by themselves once there is room.
 */
import { MillraceError, type Clock, type FileSystem, type Logger } from '@millrace/base';

export interface SpaceGuardOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly path: string;
  /** Appends are refused while fewer bytes than this are free. */
  readonly lowSpaceBytes: number;
}

const measurementGoodMs = 1000;
const lowMeasurementGoodMs = 100;

export class SpaceGuard {
  readonly #options: SpaceGuardOptions;
  #freeBytes = 0;
  #isLow = false;
  /** What may still be appended on the strength of the last measurement. */
  #credit = 0;
  #measuredMs = -Infinity;

  constructor(options: SpaceGuardOptions) {
    this.#options = options;
    this.refresh();
  }

  get isLow(): boolean {
    return this.#isLow;
  }

  /** As last measured. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** Throws `LOG_DISK_FULL` when `bytes` more must not be written; counts them as written otherwise. */
  admit(bytes: number): void {
    const goodMs = this.#isLow ? lowMeasurementGoodMs : measurementGoodMs;
    const isSpent = !this.#isLow && this.#credit < bytes;
    if (isSpent || this.#options.clock.monotonicMs() - this.#measuredMs >= goodMs) this.refresh();
    if (this.#isLow || this.#freeBytes - bytes < this.#options.lowSpaceBytes) throw this.#full();
    this.#credit -= bytes;
  }

  /** Measures now: also for after something was deleted. */
  refresh(): void {
    const { files, clock, path, lowSpaceBytes } = this.#options;
    this.#freeBytes = files.freeBytes(path);
    this.#measuredMs = clock.monotonicMs();
    const room = this.#freeBytes - lowSpaceBytes;
    this.#credit = room / 2;
    // Some room must come back before appends do, so that a disk at the mark is not called full and free by turns.
    this.#setLow(this.#isLow ? room <= lowSpaceBytes / 8 : room <= 0);
  }

  #setLow(isLow: boolean): void {
    if (isLow === this.#isLow) return;
    this.#isLow = isLow;
    const { logger, path, lowSpaceBytes } = this.#options;
    const fields = { path, freeBytes: this.#freeBytes, lowSpaceBytes };
    if (isLow) logger.error('disk almost full: appends are refused until there is room', fields);
    else logger.info('disk has room again: appends are taken', fields);
  }

  #full(): MillraceError {
    const { path, lowSpaceBytes } = this.#options;
    return new MillraceError(
      'LOG_DISK_FULL',
      `${path} has ${this.#freeBytes} bytes free, and appends need ${lowSpaceBytes} to stay free. ` +
        'Free space, or shorten the retention of a topic; appends go on by themselves then',
      { retriable: true },
    );
  }
}
