/**
 * `leader-epoch-journal` in a partition's directory: epochs that began and are not in the checkpoint yet.
 *
 *     0  u32  leader epoch
 *     4  u64  start offset
 *    12  u32  CRC-32C of the 12 bytes before
 *    16  the next one
 *
 * The checkpoint is synced, which takes its time, and a topic that is only replicated waits for no sync. Each entry is
 * written here before the first batch of its epoch is, and is not synced itself: after the process was killed all that
 * was appended has its epoch here or in the checkpoint. After a power cut the file may be torn, lost, or an old one that
 * had been removed, so it vouches for batches and never speaks against one.
 */
import { errorMessage, type FileSystem, type Logger } from '@millrace/base';
import { crc32c } from '@millrace/record';
import { readSmallFile } from '../atomic-file.js';
import { writeFully } from '../write-fully.js';
import type { EpochEntry } from './leader-epoch-history.js';

export const leaderEpochJournalName = 'leader-epoch-journal';

const entryBytes = 16;
/** As many as a checkpoint has room for. */
const maxBytes = 300_000 * entryBytes;

export interface LeaderEpochJournalOptions {
  readonly files: FileSystem;
  readonly logger: Logger;
  readonly directory: string;
}

export class LeaderEpochJournal {
  readonly #files: FileSystem;
  readonly #logger: Logger;
  readonly #path: string;
  /** Where the next entry goes: those before it may be in no checkpoint. */
  #sizeBytes = 0;
  /** False when there is no file, so that nothing has to be looked for. */
  #exists = true;

  constructor({ files, logger, directory }: LeaderEpochJournalOptions) {
    this.#files = files;
    this.#logger = logger;
    this.#path = `${directory}/${leaderEpochJournalName}`;
  }

  /** What is readable of it. What comes next is written behind that. */
  read(): EpochEntry[] {
    const bytes = readSmallFile(this.#files, this.#path, maxBytes);
    this.#exists = bytes !== undefined;
    this.#sizeBytes = 0;
    const entries: EpochEntry[] = [];
    if (bytes === undefined) return entries;
    for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
      if (bytes.readUInt32BE(at + 12) !== crc32c(bytes, at, at + 12)) break;
      const startOffset = bytes.readUInt32BE(at + 4) * 2 ** 32 + bytes.readUInt32BE(at + 8);
      entries.push({ epoch: bytes.readUInt32BE(at), startOffset });
      this.#sizeBytes = at + entryBytes;
    }
    return entries;
  }

  add(entries: readonly EpochEntry[]): void {
    const bytes = Buffer.alloc(entries.length * entryBytes);
    entries.forEach(({ epoch, startOffset }, index) => {
      const at = index * entryBytes;
      bytes.writeUInt32BE(epoch, at);
      bytes.writeUInt32BE(Math.floor(startOffset / 2 ** 32), at + 4);
      bytes.writeUInt32BE(startOffset % 2 ** 32, at + 8);
      bytes.writeUInt32BE(crc32c(bytes, at, at + 12), at + 12);
    });
    this.#exists = true;
    const file = this.#files.open(this.#path, 'write');
    try {
      writeFully(file, bytes, 0, bytes.length, this.#sizeBytes);
    } finally {
      file.close();
    }
    this.#sizeBytes += bytes.length;
  }

  /** The checkpoint has them all. */
  clear(): void {
    if (!this.#exists) return;
    try {
      if (this.#files.stat(this.#path) !== undefined) this.#files.removeFile(this.#path);
      this.#exists = false;
      this.#sizeBytes = 0;
    } catch (error) {
      // Harmless: what it says is true, and the next entry comes behind it.
      this.#logger.warn('cannot remove leader epochs that were saved', {
        path: this.#path,
        error: errorMessage(error),
      });
    }
  }
}
