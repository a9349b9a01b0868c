/**
 * The disk of a Raft replica: entries in the partition log `__cluster_metadata-0`, votes in the file `quorum-state`,
 * snapshots beside them.
 *
 * Raft changes things synchronously, in order; a log that is cut off or reset does so over several syncs. So there is a
 * queue: what comes while something slow runs waits behind it, and an append with nothing before it goes into the page
 * cache at once. `sync` waits for the queue.
 *
 *     append            log.append                                at once, or queued
 *     truncate          log.truncateTo                            queued
 *     advanceStart      log.sync, quorum-state, log.advanceStart  the snapshot is durable before the call
 *     installSnapshot   snapshot durable, quorum-state with resetTo, snapshot renamed, log.resetTo, quorum-state without
 *     saveHardState     remembered, written by the next sync
 *
 * After a crash `load` finishes what was under way. Loading twice is the same as loading once.
 */
import { assert, type Environment, MillraceError } from '@millrace/base';
import {
  decodeMembership,
  type DurableState,
  type HardState,
  type LogStart,
  type RaftEntry,
  type RaftStorage,
  type ReplicaKey,
  type SnapshotDescription,
  type StoredSnapshot,
} from '@millrace/raft';
import { BatchView, nextBatchSize } from '@millrace/record';
import type { Snapshot, SnapshotStore } from '@millrace/state-machine';
import type { PartitionLog } from '@millrace/storage';
import { decodeEntry, encodeEntry } from './entry-batch.js';
import { type QuorumState, QuorumStateFile } from './quorum-state-file.js';

/** What is used of a partition log. */
export type RaftPartitionLog = Pick<
  PartitionLog,
  | 'directory'
  | 'append'
  | 'sync'
  | 'read'
  | 'truncateTo'
  | 'resetTo'
  | 'advanceStartOffset'
  | 'startOffset'
  | 'endOffset'
  | 'syncedEndOffset'
>;

export interface MetadataRaftStorageOptions {
  readonly environment: Pick<Environment, 'clock' | 'files'>;
  readonly log: RaftPartitionLog;
  readonly snapshots: SnapshotStore;
  /** Whose log this is. */
  readonly self: ReplicaKey;
}

const readChunkBytes = 1024 * 1024;
const noVote: HardState = { term: 0, vote: undefined };

export class MetadataRaftStorage implements RaftStorage {
  readonly #options: MetadataRaftStorageOptions;
  readonly #file: QuorumStateFile;
  /** As the next write of the file has it. */
  #state: QuorumState;
  #isStateDirty = false;
  /** Writes of the file, one after the other. */
  #stateWrites: Promise<void> = Promise.resolve();
  /** Everything asked for before now, in order. Never rejects. */
  #work: Promise<void> = Promise.resolve();
  /** Of `#work`: not done yet. */
  #waiting = 0;
  #failure: unknown;
  #loading: Promise<DurableState> | undefined;
  /** What `load` found, for the state machine. */
  #loaded: Snapshot | undefined;

  constructor(options: MetadataRaftStorageOptions) {
    const { environment, log, self } = options;
    this.#options = options;
    this.#file = new QuorumStateFile(environment.files, log.directory);
    const start = { position: 0, term: 0, membership: { voters: [] } };
    const { directoryId } = self;
    this.#state = { clusterId: undefined, directoryId, hardState: noVote, start, resetTo: undefined };
  }

  /**
   * Whether this replica has ever been part of a cluster. A log without a file of votes is that of a node that was alone
   * so far: the only voter of its cluster, and its log is committed.
   */
  get isEmpty(): boolean {
    return !this.#file.exists() && this.#options.log.endOffset === 0;
  }

  /** The snapshot that the state begins with; the log goes on after it. */
  get loadedSnapshot(): Snapshot | undefined {
    return this.#loaded;
  }

  /** Writes down that a cluster begins here, with this replica as its only voter. Before `load`. */
  async form(): Promise<void> {
    assert(this.isEmpty, 'a cluster is formed in an empty directory');
    const { self } = this.#options;
    this.#state = { ...this.#state, start: { position: 0, term: 0, membership: { voters: [self] } } };
    await this.#file.write(this.#state);
  }

  /** Undefined until the log told. */
  get clusterId(): string | undefined {
    return this.#state.clusterId;
  }

  /** Written with the next sync. */
  rememberClusterId(clusterId: string): void {
    this.#state = { ...this.#state, clusterId };
    this.#isStateDirty = true;
  }

  /** Who votes as the disk has it. Before `load`, and changes nothing. */
  async storedVoters(): Promise<readonly ReplicaKey[]> {
    const stored = this.#file.read();
    if (stored === undefined) return this.isEmpty ? [] : [this.#options.self];
    const { start, resetTo } = stored;
    const entries = resetTo === undefined ? await this.#readEntries(start.position) : [];
    const change = entries.findLast(({ kind }) => kind === 'membership');
    const [record] = change?.records ?? [];
    return (record === undefined ? start.membership : decodeMembership(record)).voters;
  }

  /** A second call gives what the first found. */
  load(): Promise<DurableState> {
    this.#loading ??= this.#load();
    return this.#loading;
  }

  async #load(): Promise<DurableState> {
    const { log, snapshots } = this.#options;
    const stored = this.#file.read();
    if (stored !== undefined) this.#state = stored;
    else if (!this.isEmpty) this.#adoptLoneLog();
    this.#requireOwnDirectory();
    snapshots.discardIncoming(this.#state.resetTo);
    await this.#finishReset();
    const { start } = this.#state;
    if (log.startOffset > start.position || start.position > log.endOffset) {
      throw new MillraceError(
        'KAFKA_STORAGE_ERROR',
        `The metadata log in ${log.directory} holds ${log.startOffset} to ${log.endOffset}, and should go on from ` +
          `${start.position}, where its snapshot ends. Restore the directory from a copy.`,
      );
    }
    await log.advanceStartOffset(start.position);
    // All that is read here counts as durable; what a killed process left may not be.
    await log.sync();
    this.#loaded = snapshots.latest();
    const entries = await this.#readEntries(start.position);
    this.#requireSnapshot();
    const snapshot = this.#loaded && { position: this.#loaded.position, sizeBytes: snapshots.newest()?.sizeBytes ?? 0 };
    return { hardState: this.#state.hardState, start, entries, snapshot };
  }

  saveHardState(hardState: HardState): void {
    this.#state = { ...this.#state, hardState };
    this.#isStateDirty = true;
  }

  append(entries: readonly RaftEntry[]): void {
    if (this.#waiting === 0) this.#append(entries);
    else this.#enqueue(() => Promise.resolve(this.#append(entries)));
  }

  truncate(end: number): void {
    this.#enqueue(() => this.#options.log.truncateTo(end));
  }

  advanceStart(start: LogStart): void {
    this.#enqueue(async () => {
      const { log } = this.#options;
      // A start must not outlive the records that it stands before.
      await log.sync();
      this.#state = { ...this.#state, start };
      await this.#writeState();
      await log.advanceStartOffset(start.position);
    });
  }

  snapshot(): StoredSnapshot | undefined {
    return this.#options.snapshots.newest();
  }

  readSnapshot(position: number, offset: number, maxBytes: number): Promise<Uint8Array | undefined> {
    return this.#options.snapshots.readFile(position, offset, maxBytes);
  }

  receiveSnapshot({ position }: SnapshotDescription, offset: number, chunk: Uint8Array): void {
    const { snapshots } = this.#options;
    if (this.#waiting === 0) snapshots.receive(position, offset, chunk);
    else this.#enqueue(() => Promise.resolve(snapshots.receive(position, offset, chunk)));
  }

  installSnapshot({ position, term, membership }: SnapshotDescription): void {
    this.#enqueue(async () => {
      await this.#options.snapshots.sealIncoming(position);
      this.#state = { ...this.#state, start: { position, term, membership }, resetTo: position };
      await this.#writeState();
      await this.#finishReset();
    });
  }

  async sync(): Promise<void> {
    await this.settled();
    await Promise.all([this.#isStateDirty ? this.#writeState() : this.#stateWrites, this.#options.log.sync()]);
  }

  /** Everything asked for before now is done, though perhaps not synced. Rejects when something failed. */
  async settled(): Promise<void> {
    await this.#work;
    if (this.#failure !== undefined) throw asError(this.#failure);
  }

  #append(entries: readonly RaftEntry[]): void {
    const { log, environment } = this.#options;
    const nowMs = environment.clock.wallMs();
    for (const entry of entries) {
      assert(entry.position === log.endOffset, `entry ${entry.position} comes to a log that ends at ${log.endOffset}`);
      log.append(encodeEntry(entry, nowMs), { origin: 'coordinator', leaderEpoch: entry.term });
    }
  }

  #enqueue(work: () => Promise<void>): void {
    this.#waiting += 1;
    this.#work = this.#work.then(async () => {
      try {
        // After a failure nothing of what follows may happen: it was asked for on top of what failed.
        if (this.#failure === undefined) await work();
      } catch (error) {
        this.#failure = error;
      }
      this.#waiting -= 1;
    });
  }

  #writeState(): Promise<void> {
    const write = async (): Promise<void> => {
      this.#isStateDirty = false;
      await this.#file.write(this.#state);
    };
    this.#stateWrites = this.#stateWrites.then(write);
    return this.#stateWrites;
  }

  async #finishReset(): Promise<void> {
    const { resetTo } = this.#state;
    if (resetTo === undefined) return;
    const { log, snapshots } = this.#options;
    await snapshots.install(resetTo);
    if (log.startOffset !== resetTo || log.endOffset !== resetTo) await log.resetTo(resetTo);
    snapshots.keepOnly(resetTo);
    this.#state = { ...this.#state, resetTo: undefined };
    await this.#writeState();
  }

  #adoptLoneLog(): void {
    const { log, self } = this.#options;
    const start = { position: log.startOffset, term: 0, membership: { voters: [self] } };
    this.#state = { ...this.#state, start };
    this.#isStateDirty = true;
  }

  #requireOwnDirectory(): void {
    const { self, log } = this.#options;
    if (this.#state.directoryId === self.directoryId) return;
    throw new MillraceError(
      'INVALID_VOTER_KEY',
      `The metadata log in ${log.directory} was written in directory ${this.#state.directoryId}, and this is directory ` +
        `${self.directoryId}. A copy of another node's directory must not vote in its name.`,
    );
  }

  #requireSnapshot(): void {
    const { start } = this.#state;
    const position = this.#loaded?.position ?? 0;
    if (position >= start.position && position <= this.#options.log.endOffset) return;
    throw new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `The newest snapshot in ${this.#options.log.directory} ends at ${position}, but the metadata log holds ` +
        `${start.position} to ${this.#options.log.endOffset}. Restore the directory from a copy.`,
    );
  }

  async #readEntries(from: number): Promise<RaftEntry[]> {
    const { log } = this.#options;
    const entries: RaftEntry[] = [];
    const batch = new BatchView();
    for (let position = from; position < log.endOffset;) {
      const before = position;
      const chunk = await log.read(position, readChunkBytes, log.endOffset);
      for (let at = 0; ;) {
        const size = nextBatchSize(chunk.bytes, at, chunk.bytes.length);
        if (size === undefined) break;
        batch.at(chunk.bytes, at);
        assert(batch.baseOffset === position, `entry ${batch.baseOffset} is read where ${position} begins`);
        entries.push(decodeEntry(batch));
        position = batch.nextOffset;
        at += size;
      }
      chunk.release?.();
      assert(position > before, `the metadata log gave nothing at ${position}, before its end ${log.endOffset}`);
    }
    return entries;
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
