/**
 * The producer snapshots in one partition's directory: taken when a segment is closed and at a clean stop, so that
 * opening the log replays only what came later.
 *
 * The newest few are kept: the log may be truncated below the newest. A snapshot must be taken only after the log is
 * synced up to its offset, and one above the end of the log is removed before anything is appended there: a snapshot
 * never speaks of records that the log does not hold.
 */
import { assert, errorMessage, type FileSystem, type Logger } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';
import { decodeProducerSnapshot, encodeProducerSnapshot, type ProducerSnapshot } from './producer-snapshot.js';

export interface ProducerSnapshotsOptions {
  readonly files: FileSystem;
  readonly logger: Logger;
  readonly directory: string;
}

export interface SnapshotPlace {
  /** Where the log ends: snapshots above it are removed. */
  readonly endOffset: number;
  /** The leader epoch of the record at an offset, -1 when not known: by the log's epoch history. */
  epochAt(offset: number): number;
}

const suffix = '.snapshot';
const namePattern = /^\d{20}\.snapshot$/;
const snapshotsKept = 3;
/** Far above what the bound on producers allows. */
const maxSnapshotBytes = 64 * 1024 * 1024;

export class ProducerSnapshots {
  readonly #files: FileSystem;
  readonly #logger: Logger;
  readonly #directory: string;

  constructor(options: ProducerSnapshotsOptions) {
    this.#files = options.files;
    this.#logger = options.logger;
    this.#directory = options.directory;
  }

  /** Ascending offsets of the snapshots that are there. */
  offsets(): number[] {
    const names = this.#files.list(this.#directory).filter((name) => namePattern.test(name));
    return names.map((name) => Number(name.slice(0, 20)));
  }

  async take(snapshot: ProducerSnapshot): Promise<void> {
    assert(Number.isSafeInteger(snapshot.offset) && snapshot.offset >= 0, 'a snapshot names its offset');
    await writeFileAtomically(this.#files, this.#path(snapshot.offset), encodeProducerSnapshot(snapshot));
    for (const offset of this.offsets().slice(0, -snapshotsKept)) this.#files.removeFile(this.#path(offset));
  }

  /**
   * The newest snapshot that fits the log; undefined when none does and the state is to be replayed from the log's
   * start. Removes those that lie above the log's end, are damaged, or belong to a history that was truncated: the
   * caller syncs the directory before it appends.
   */
  nearest(place: SnapshotPlace): ProducerSnapshot | undefined {
    for (const offset of this.offsets().reverse()) {
      const snapshot = offset <= place.endOffset ? this.#read(offset) : undefined;
      if (snapshot !== undefined && this.#fits(snapshot, place)) return snapshot;
      this.#logger.info('removed a producer snapshot that does not fit the log', {
        path: this.#path(offset),
        endOffset: place.endOffset,
      });
      this.#files.removeFile(this.#path(offset));
    }
    return undefined;
  }

  /** For a log that starts anew. */
  removeAll(): void {
    for (const offset of this.offsets()) this.#files.removeFile(this.#path(offset));
  }

  #fits(snapshot: ProducerSnapshot, place: SnapshotPlace): boolean {
    if (snapshot.offset === 0) return true;
    const epoch = place.epochAt(snapshot.offset - 1);
    // The record before the snapshot may be gone by retention, and its epoch with it; what is gone was not truncated.
    return epoch < 0 || epoch === snapshot.leaderEpoch;
  }

  #read(offset: number): ProducerSnapshot | undefined {
    let bytes: Uint8Array | undefined;
    try {
      bytes = readSmallFile(this.#files, this.#path(offset), maxSnapshotBytes);
    } catch (error) {
      this.#logger.warn('cannot read a producer snapshot', { path: this.#path(offset), error: errorMessage(error) });
      return undefined;
    }
    const snapshot = bytes && decodeProducerSnapshot(bytes);
    return snapshot?.offset === offset ? snapshot : undefined;
  }

  #path(offset: number): string {
    return `${this.#directory}/${String(offset).padStart(20, '0')}${suffix}`;
  }
}
