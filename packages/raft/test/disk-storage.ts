/**
 * A replica's storage in files of a `FileSystem`, for tests: small, not fast.
 *
 *     hard-state   one line of JSON, replaced by rename
 *     log          a line of JSON for each change of the log, checked by a hash; what follows a bad line is dropped
 *     snapshots/   `<position>`; `incoming` while one is received
 *
 * Every sync covers the files that were written since the last one, and the directories.
 */
import type { File, FileSystem } from '@millrace/base';
import { hashBytes, hashEnd, hashStart } from '@millrace/testkit';
import { LogView } from '../src/core/log-view.js';
import type { DurableState, HardState, StoredSnapshot } from '../src/durable-state.js';
import type { RaftStorage } from '../src/driver/raft-storage.js';
import type { RaftEntry } from '../src/entry.js';
import type { Membership } from '../src/membership.js';
import type { LogStart, SnapshotDescription } from '../src/snapshot.js';

type Line =
  | {
      readonly kind: 'append';
      readonly position: number;
      readonly term: number;
      readonly type: RaftEntry['kind'];
      readonly records: readonly string[];
    }
  | { readonly kind: 'truncate'; readonly end: number }
  | { readonly kind: 'start'; readonly start: LogStart; readonly isReset: boolean };

export class DiskStorage implements RaftStorage {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #first: LogStart;
  #log: File | undefined;
  #logEnd = 0;
  #incoming: { readonly file: File; sizeBytes: number } | undefined;
  readonly #dirty = new Set<File>();
  #hardState: HardState | undefined;

  constructor(files: FileSystem, directory: string, membership: Membership) {
    this.#files = files;
    this.#directory = directory;
    this.#first = { position: 0, term: 0, membership };
  }

  async load(): Promise<DurableState> {
    const files = this.#files;
    for (const directory of [this.#directory, this.#snapshots]) {
      if (files.stat(directory) === undefined) files.makeDirectory(directory);
    }
    await files.syncDirectory('/');
    this.#log = files.open(`${this.#directory}/log`, 'write');
    await files.syncDirectory(this.#directory);
    let start = this.#first;
    const log = new LogView(start, []);
    for (const line of this.#readLines(this.#log)) {
      if (line.kind === 'append') {
        const records = line.records.map((record) => Buffer.from(record, 'base64'));
        log.append({ position: line.position, term: line.term, kind: line.type, records });
      } else if (line.kind === 'truncate') log.truncateTo(line.end);
      else {
        start = line.start;
        if (line.isReset) log.reset(start);
        else log.advanceStart(start.position);
      }
    }
    this.#repairSnapshots(start.position, log.end);
    await files.syncDirectory(this.#snapshots);
    return { hardState: this.#readHardState(), start, entries: log.entries(log.start), snapshot: this.snapshot() };
  }

  saveHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  append(entries: readonly RaftEntry[]): void {
    for (const { position, term, kind, records } of entries) {
      this.#write({
        kind: 'append',
        position,
        term,
        type: kind,
        records: records.map((record) => Buffer.from(record).toString('base64')),
      });
    }
  }

  truncate(end: number): void {
    this.#write({ kind: 'truncate', end });
  }

  advanceStart(start: LogStart): void {
    this.#write({ kind: 'start', start, isReset: false });
  }

  snapshot(): StoredSnapshot | undefined {
    const positions = this.#files.list(this.#snapshots).map(Number).filter(Number.isInteger);
    if (positions.length === 0) return undefined;
    const position = Math.max(...positions);
    return { position, sizeBytes: this.#files.stat(`${this.#snapshots}/${position}`)?.sizeBytes ?? 0 };
  }

  async readSnapshot(position: number, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    const path = `${this.#snapshots}/${position}`;
    if (this.#files.stat(path) === undefined) return undefined;
    const file = this.#files.open(path, 'read');
    const buffer = Buffer.alloc(maxBytes);
    const count = await file.read(buffer, 0, maxBytes, offset);
    file.close();
    return buffer.subarray(0, count);
  }

  receiveSnapshot(_snapshot: SnapshotDescription, offset: number, chunk: Uint8Array): void {
    if (offset === 0) {
      const path = `${this.#snapshots}/incoming`;
      if (this.#files.stat(path) !== undefined) this.#files.removeFile(path);
      this.#incoming = { file: this.#files.open(path, 'create'), sizeBytes: 0 };
    }
    if (this.#incoming === undefined) throw new Error('no snapshot is being received');
    this.#incoming.file.write(chunk, 0, chunk.length, offset);
    this.#incoming.sizeBytes = offset + chunk.length;
    this.#dirty.add(this.#incoming.file);
  }

  /** A crash keeps or loses the new name and the line in the log apart from each other; see `#repairSnapshots`. */
  installSnapshot(snapshot: SnapshotDescription): void {
    const { position, term, membership } = snapshot;
    this.#files.rename(`${this.#snapshots}/incoming`, `${this.#snapshots}/${position}`);
    this.#incoming = undefined;
    this.#write({ kind: 'start', start: { position, term, membership }, isReset: true });
  }

  async sync(): Promise<void> {
    const hardState = this.#hardState;
    this.#hardState = undefined;
    if (hardState !== undefined) await this.#replaceHardState(hardState);
    const log = this.#log;
    const dirty = [...this.#dirty];
    this.#dirty.clear();
    for (const file of dirty) if (file !== log) await file.sync();
    await this.#files.syncDirectory(this.#snapshots);
    if (log !== undefined && dirty.includes(log)) await log.sync();
  }

  /** What the state machine does: a snapshot is whole and durable before the log is told. */
  async writeSnapshot(position: number, content: Uint8Array): Promise<void> {
    const path = `${this.#snapshots}/${position}`;
    const file = this.#files.open(`${path}.tmp`, 'write');
    file.write(content, 0, content.length, 0);
    await file.sync();
    file.close();
    this.#files.rename(`${path}.tmp`, path);
    await this.#files.syncDirectory(this.#snapshots);
  }

  get #snapshots(): string {
    return `${this.#directory}/snapshots`;
  }

  /** What a state machine loads. */
  content(position: number): Uint8Array {
    const file = this.#files.open(`${this.#snapshots}/${position}`, 'read');
    const bytes = Buffer.alloc(file.sizeBytes());
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    return bytes;
  }

  /** The log decides whether a snapshot was installed. */
  #repairSnapshots(start: number, end: number): void {
    const files = this.#files;
    for (const name of files.list(this.#snapshots))
      if (Number(name) > end) files.removeFile(`${this.#snapshots}/${name}`);
    if (files.stat(`${this.#snapshots}/incoming`) === undefined) return;
    const isInstalled = start > 0 && files.stat(`${this.#snapshots}/${start}`) === undefined;
    if (isInstalled) files.rename(`${this.#snapshots}/incoming`, `${this.#snapshots}/${start}`);
    else files.removeFile(`${this.#snapshots}/incoming`);
  }

  async #replaceHardState(hardState: HardState): Promise<void> {
    const path = `${this.#directory}/hard-state`;
    const file = this.#files.open(`${path}.tmp`, 'write');
    const bytes = Buffer.from(JSON.stringify(hardState));
    file.truncate(0);
    file.write(bytes, 0, bytes.length, 0);
    await file.sync();
    file.close();
    this.#files.rename(`${path}.tmp`, path);
    await this.#files.syncDirectory(this.#directory);
  }

  #readHardState(): HardState {
    const path = `${this.#directory}/hard-state`;
    if (this.#files.stat(path) === undefined) return { term: 0, vote: undefined };
    const file = this.#files.open(path, 'read');
    const bytes = Buffer.alloc(file.sizeBytes());
    file.readSync(bytes, 0, bytes.length, 0);
    file.close();
    const { term, vote } = JSON.parse(bytes.toString()) as { term: number; vote?: HardState['vote'] };
    return { term, vote };
  }

  #write(line: Line): void {
    const text = JSON.stringify(line);
    const bytes = Buffer.from(`${hashOf(text)} ${text}\n`);
    if (this.#log === undefined) throw new Error('the storage is not loaded');
    this.#log.write(bytes, 0, bytes.length, this.#logEnd);
    this.#logEnd += bytes.length;
    this.#dirty.add(this.#log);
  }

  #readLines(file: File): Line[] {
    const bytes = Buffer.alloc(file.sizeBytes());
    file.readSync(bytes, 0, bytes.length, 0);
    const lines: Line[] = [];
    this.#logEnd = 0;
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, this.#logEnd)) {
      const [hash, ...rest] = bytes.toString('utf8', this.#logEnd, end).split(' ');
      const text = rest.join(' ');
      if (hash !== String(hashOf(text))) break;
      lines.push(JSON.parse(text) as Line);
      this.#logEnd = end + 1;
    }
    file.truncate(this.#logEnd);
    return lines;
  }
}

function hashOf(text: string): number {
  return hashEnd(hashBytes(hashStart, Buffer.from(text)));
}
