/**
 * The snapshots of one state machine, as files `<20-digit position>.checkpoint` in a directory. (A directory that is
 * also a partition's log has files named `*.snapshot` already: the state of its producers.)
 *
 * A write goes to `*.checkpoint.tmp`, is synced, renamed, and the directory synced, before it counts. The two newest are
 * kept: the log may be cut only below the *older* one (see {@link SnapshotStore.safeStart}), so one snapshot damaged on
 * disk costs a longer replay and no state.
 */
import { type Environment, errorMessage, type File, MillraceError } from '@millrace/base';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot-file.js';

const keptCount = 2;
const namePattern = /^(\d{20})\.checkpoint$/;
const temporarySuffix = '.tmp';

export interface SnapshotStoreOptions {
  readonly environment: Pick<Environment, 'files' | 'logger'>;
  /** Must exist. May hold other files. */
  readonly directory: string;
}

export class SnapshotStore {
  readonly #environment: Pick<Environment, 'files' | 'logger'>;
  readonly #directory: string;

  constructor(options: SnapshotStoreOptions) {
    this.#environment = options.environment;
    this.#directory = options.directory;
  }

  /** The newest snapshot that can be read, or undefined when there is none at all. */
  latest(): Snapshot | undefined {
    const positions = this.#positions().reverse();
    let damage: unknown;
    for (const position of positions) {
      try {
        return this.#read(position);
      } catch (error) {
        damage ??= error;
        this.#environment.logger.error('A snapshot cannot be used; trying the one before it', {
          path: this.#path(position),
          reason: errorMessage(error),
        });
      }
    }
    // Without this a node with damaged snapshots would begin anew with an empty state, as if it had never held any.
    if (damage !== undefined) {
      throw new MillraceError(
        'CORRUPT_SNAPSHOT',
        `None of the ${positions.length} snapshots in ${this.#directory} can be read (${errorMessage(damage)}). ` +
          'Restore the directory from a copy.',
        { cause: damage },
      );
    }
    return undefined;
  }

  /** Makes a snapshot durable, then drops the ones that are no longer needed. */
  async write(position: number, chunks: Iterable<Uint8Array>): Promise<void> {
    const { files } = this.#environment;
    const path = this.#path(position);
    const temporary = path + temporarySuffix;
    // Left by writes that a crash or an error cut short.
    for (const name of files.list(this.#directory)) {
      if (name.endsWith(`.checkpoint${temporarySuffix}`)) files.removeFile(`${this.#directory}/${name}`);
    }
    const file = files.open(temporary, 'create');
    try {
      writeWhole(file, encodeSnapshot(position, chunks), temporary);
      await file.sync();
    } finally {
      file.close();
    }
    files.rename(temporary, path);
    await files.syncDirectory(this.#directory);
    for (const old of this.#positions().slice(0, -keptCount)) files.removeFile(this.#path(old));
  }

  /** The log may forget everything before this position: the oldest kept snapshot holds it. 0 until two are kept. */
  safeStart(): number {
    const positions = this.#positions();
    return positions.length < keptCount ? 0 : (positions[0] ?? 0);
  }

  #positions(): number[] {
    return this.#environment.files
      .list(this.#directory)
      .flatMap((name) => namePattern.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  #read(position: number): Snapshot {
    const path = this.#path(position);
    const file = this.#environment.files.open(path, 'read');
    try {
      const bytes = Buffer.alloc(file.sizeBytes());
      const count = file.readSync(bytes, 0, bytes.length, 0);
      const snapshot = decodeSnapshot(bytes.subarray(0, count));
      if (snapshot.position === position) return snapshot;
      throw new MillraceError('CORRUPT_SNAPSHOT', `${path} holds the snapshot of position ${snapshot.position}.`);
    } finally {
      file.close();
    }
  }

  #path(position: number): string {
    return `${this.#directory}/${String(position).padStart(20, '0')}.checkpoint`;
  }
}

function writeWhole(file: File, bytes: Uint8Array, path: string): void {
  for (let written = 0; written < bytes.length;) {
    const count = file.write(bytes, written, bytes.length - written, written);
    // A full disk answers a write with fewer bytes first, and with an error only the next time.
    if (count === 0) throw new MillraceError('LOG_DISK_FULL', `No space to write ${path}.`, { retriable: true });
    written += count;
  }
}
