/**
 * The snapshots of one state machine, as files `<20-digit position>.checkpoint` in a directory. (A directory that is
 * also a partition's log has files named `*.snapshot` already: the state of its producers.)
 *
 * A write goes to `*.checkpoint.tmp`, is synced, renamed, and the directory synced, before it counts. The two newest are
 * kept: the log may be cut only below the *older* one (see {@link SnapshotStore.safeStart}), so one snapshot damaged on
 * disk costs a longer replay and no state.
 */
import { assert, type Environment, errorMessage, type File, MillraceError } from '@millrace/base';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot-file.js';

const keptCount = 2;
const namePattern = /^(\d{20})\.checkpoint$/;
const temporarySuffix = '.tmp';
const incomingSuffix = '.incoming';

export interface SnapshotStoreOptions {
  readonly environment: Pick<Environment, 'files' | 'logger'>;
  /** Must exist. May hold other files. */
  readonly directory: string;
}

/** A snapshot as bytes: what another replica is sent. */
export interface StoredSnapshotFile {
  readonly position: number;
  readonly sizeBytes: number;
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
      writeWhole(file, encodeSnapshot(position, chunks), { path: temporary, position: 0 });
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

  /** The newest file there is; undefined when there is none. Not looked into. */
  newest(): StoredSnapshotFile | undefined {
    const position = this.#positions().at(-1);
    if (position === undefined) return undefined;
    return { position, sizeBytes: this.#environment.files.stat(this.#path(position))?.sizeBytes ?? 0 };
  }

  /** Bytes of a snapshot's file, fewer at its end; undefined when it is not there (any more). */
  async readFile(position: number, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    const { files } = this.#environment;
    const path = this.#path(position);
    if (files.stat(path) === undefined) return undefined;
    const file = files.open(path, 'read');
    try {
      const bytes = Buffer.alloc(Math.max(0, Math.min(maxBytes, file.sizeBytes() - offset)));
      return bytes.subarray(0, await file.read(bytes, 0, bytes.length, offset));
    } finally {
      file.close();
    }
  }

  /** Takes a piece of a file that {@link readFile} gave on another node. Offset 0 begins anew. */
  receive(position: number, offset: number, bytes: Uint8Array): void {
    const { files } = this.#environment;
    const path = this.#incomingPath(position);
    if (offset === 0) this.discardIncoming();
    const file = files.open(path, 'write');
    try {
      assert(file.sizeBytes() === offset, `bytes from ${offset} on are received after ${file.sizeBytes()}`);
      writeWhole(file, bytes, { path, position: offset });
    } finally {
      file.close();
    }
  }

  /**
   * Makes what was received durable, still under its own name: whoever installs it writes down first that it will. Throws
   * `CORRUPT_SNAPSHOT` when it is not a whole snapshot of this position.
   */
  async sealIncoming(position: number): Promise<void> {
    const { files } = this.#environment;
    const incoming = this.#incomingPath(position);
    this.#readPath(incoming, position);
    const file = files.open(incoming, 'write');
    try {
      await file.sync();
    } finally {
      file.close();
    }
    await files.syncDirectory(this.#directory);
  }

  /** What was sealed becomes the newest snapshot, durably. Nothing happens when it is that already. */
  async install(position: number): Promise<void> {
    const { files } = this.#environment;
    const incoming = this.#incomingPath(position);
    if (files.stat(incoming) !== undefined) files.rename(incoming, this.#path(position));
    await files.syncDirectory(this.#directory);
  }

  /** Removes all snapshots but the one of this position. */
  keepOnly(position: number): void {
    for (const other of this.#positions()) {
      if (other !== position) this.#environment.files.removeFile(this.#path(other));
    }
  }

  /** Removes snapshots that were received and are not being installed. */
  discardIncoming(installing?: number): void {
    const { files } = this.#environment;
    for (const name of files.list(this.#directory)) {
      const path = `${this.#directory}/${name}`;
      const isKept = installing !== undefined && path === this.#incomingPath(installing);
      if (name.endsWith(incomingSuffix) && !isKept) files.removeFile(path);
    }
  }

  #positions(): number[] {
    return this.#environment.files
      .list(this.#directory)
      .flatMap((name) => namePattern.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  #read(position: number): Snapshot {
    return this.#readPath(this.#path(position), position);
  }

  #readPath(path: string, position: number): Snapshot {
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

  #incomingPath(position: number): string {
    return `${this.#path(position)}${incomingSuffix}`;
  }

  #path(position: number): string {
    return `${this.#directory}/${String(position).padStart(20, '0')}.checkpoint`;
  }
}

function writeWhole(
  file: File,
  bytes: Uint8Array,
  { path, position }: { readonly path: string; readonly position: number },
): void {
  for (let written = 0; written < bytes.length;) {
    const count = file.write(bytes, written, bytes.length - written, position + written);
    // A full disk answers a write with fewer bytes first, and with an error only the next time.
    if (count === 0) throw new MillraceError('LOG_DISK_FULL', `No space to write ${path}.`, { retriable: true });
    written += count;
  }
}
