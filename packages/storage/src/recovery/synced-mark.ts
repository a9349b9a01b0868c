/**
 * `synced-end-offset` in a partition's directory: up to where the log was synced, written after each sync and never
 * synced itself:
 *
 *     0  u64  offset
 *     8  u32  magic "MRSO"
 *    12  u32  CRC-32C of the 12 bytes before
 *
 * It tells a torn tail from damage. Without it, a bad batch with good ones after it could be either: a power cut keeps
 * and loses unsynced pages in any order, and what it may lose is not known beyond the recovery point. With it, a bad
 * batch below the mark is damage, and one above it was acknowledged to nobody.
 *
 * After the process was killed the mark is exact. After a power cut it may be older, or lost, never ahead: it only
 * falls before records are removed, and that is synced first. It is no recovery point, for the derived files are not
 * synced with it.
 */
import { errorMessage, type FileSystem, type Logger } from '@millrace/base';
import { crc32c } from '@millrace/record';
import { readSmallFile } from '../atomic-file.js';
import { type FilePool, PooledFile } from '../file-pool.js';
import { writeFully } from '../write-fully.js';

export const syncedMarkName = 'synced-end-offset';

const magic = 0x4d52534f;
const markBytes = 16;

export interface SyncedMarkOptions {
  readonly files: FileSystem;
  readonly filePool: FilePool;
  readonly logger: Logger;
  readonly directory: string;
}

export class SyncedMark {
  readonly #files: FileSystem;
  readonly #logger: Logger;
  readonly #path: string;
  readonly #file: PooledFile;
  readonly #bytes = Buffer.alloc(markBytes);

  constructor(options: SyncedMarkOptions) {
    this.#files = options.files;
    this.#logger = options.logger;
    this.#path = `${options.directory}/${syncedMarkName}`;
    this.#file = new PooledFile(options.files, options.filePool, this.#path, 'write');
  }

  /** 0 when there is no mark, or it is damaged: then nothing is known. */
  read(): number {
    const bytes = readSmallFile(this.#files, this.#path, markBytes);
    if (bytes === undefined || bytes.length < markBytes) return 0;
    if (bytes.readUInt32BE(8) !== magic || bytes.readUInt32BE(12) !== crc32c(bytes, 0, 12)) return 0;
    return bytes.readUInt32BE(0) * 2 ** 32 + bytes.readUInt32BE(4);
  }

  /** All below is synced. A mark that cannot be written stays lower than it might be, which is harmless. */
  raise(offset: number): void {
    try {
      this.#write(offset);
    } catch (error) {
      this.#logger.warn('cannot write the synced mark', { path: this.#path, error: errorMessage(error) });
    }
  }

  /** Records from `offset` on are about to be removed. */
  async lower(offset: number): Promise<void> {
    this.#write(offset);
    await this.#file.sync();
  }

  close(): void {
    this.#file.close();
  }

  #write(offset: number): void {
    const bytes = this.#bytes;
    bytes.writeUInt32BE(Math.floor(offset / 2 ** 32), 0);
    bytes.writeUInt32BE(offset % 2 ** 32, 4);
    bytes.writeUInt32BE(magic, 8);
    bytes.writeUInt32BE(crc32c(bytes, 0, 12), 12);
    writeFully(this.#file, bytes, 0, markBytes, 0);
  }
}
