/**
 * `log-bounds` in a partition's directory: where the log begins, and up to where it was synced.
 *
 *     0  u64  synced offset: all below is synced
 *     8  u64  start offset: records below were deleted
 *    16  u32  magic "MRLB"
 *    20  u32  CRC-32C of the 20 bytes before
 *
 * The synced offset tells a torn tail from damage. Without it, a bad batch with good ones after it could be either: a
 * power cut keeps and loses unsynced pages in any order, and what it may lose is not known beyond the recovery point.
 * With it, a bad batch below is damage, and one above was acknowledged to nobody. It is written after each sync, and
 * not synced itself: after the process was killed it is exact; after a power cut it may be older, or lost, never ahead,
 * for it only falls before records are removed, and that is synced first. It is no recovery point: the derived files
 * are not synced with it.
 *
 * The start offset is here because the checkpoint that also has it has no checksum, and segments are deleted by it.
 * It is synced before the checkpoint is written. A file that is lost or damaged leaves that checkpoint.
 */
import { errorMessage, type FileSystem, type Logger } from '@millrace/base';
import { crc32c } from '@millrace/record';
import { readSmallFile } from '../atomic-file.js';
import { type FilePool, PooledFile } from '../file-pool.js';
import { writeFully } from '../write-fully.js';

const fileName = 'log-bounds';
const magic = 0x4d524c42;
const fileBytes = 24;

export interface Bounds {
  readonly syncedOffset: number;
  readonly startOffset: number;
}

export interface LogBoundsOptions {
  readonly files: FileSystem;
  readonly filePool: FilePool;
  readonly logger: Logger;
  readonly directory: string;
}

export class LogBounds {
  readonly #files: FileSystem;
  readonly #logger: Logger;
  readonly #path: string;
  readonly #file: PooledFile;
  readonly #bytes = Buffer.alloc(fileBytes);
  #bounds: Bounds = { syncedOffset: 0, startOffset: 0 };

  constructor(options: LogBoundsOptions) {
    this.#files = options.files;
    this.#logger = options.logger;
    this.#path = `${options.directory}/${fileName}`;
    this.#file = new PooledFile(options.files, options.filePool, this.#path, 'write');
  }

  /** Undefined when there is no such file, or it is damaged: then nothing is known from it. */
  read(): Bounds | undefined {
    const bytes = readSmallFile(this.#files, this.#path, fileBytes);
    if (bytes === undefined || bytes.length < fileBytes) return undefined;
    if (bytes.readUInt32BE(16) !== magic || bytes.readUInt32BE(20) !== crc32c(bytes, 0, 20)) return undefined;
    return { syncedOffset: readOffset(bytes, 0), startOffset: readOffset(bytes, 8) };
  }

  /** What is true now, to be written with the next change. */
  begin(bounds: Bounds): void {
    this.#bounds = bounds;
  }

  /** The synced offset has grown. When that cannot be written, it stays lower than it might be, which is harmless. */
  noteSynced(syncedOffset: number): void {
    this.#bounds = { ...this.#bounds, syncedOffset };
    try {
      this.#write();
    } catch (error) {
      this.#logger.warn('cannot note how far a log is synced', { path: this.#path, error: errorMessage(error) });
    }
  }

  /** The synced offset falls. Durable when resolved. */
  saveSynced(syncedOffset: number): Promise<void> {
    return this.#save({ ...this.#bounds, syncedOffset });
  }

  /** Records below `startOffset` go. Durable when resolved. */
  saveStart(startOffset: number): Promise<void> {
    return this.#save({ ...this.#bounds, startOffset });
  }

  close(): void {
    this.#file.close();
  }

  async #save(bounds: Bounds): Promise<void> {
    const before = this.#bounds;
    // A sync of the log that ends meanwhile writes this too, and must not write the old one.
    this.#bounds = bounds;
    try {
      this.#write();
      await this.#file.sync();
    } catch (error) {
      this.#bounds = { ...before, syncedOffset: Math.min(before.syncedOffset, bounds.syncedOffset) };
      throw error;
    }
  }

  #write(): void {
    const { syncedOffset, startOffset } = this.#bounds;
    const bytes = this.#bytes;
    writeOffset(bytes, syncedOffset, 0);
    writeOffset(bytes, startOffset, 8);
    bytes.writeUInt32BE(magic, 16);
    bytes.writeUInt32BE(crc32c(bytes, 0, 20), 20);
    writeFully(this.#file, bytes, 0, fileBytes, 0);
  }
}

function readOffset(bytes: Buffer, position: number): number {
  return bytes.readUInt32BE(position) * 2 ** 32 + bytes.readUInt32BE(position + 4);
}

function writeOffset(bytes: Buffer, offset: number, position: number): void {
  bytes.writeUInt32BE(Math.floor(offset / 2 ** 32), position);
  bytes.writeUInt32BE(offset % 2 ** 32, position + 4);
}
