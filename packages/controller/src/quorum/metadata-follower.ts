/**
 * The image of one node: every committed entry applied, in order, whether this node leads or follows, and snapshots of it
 * so that the log can be cut.
 *
 *     snapshot found at the start -> entries as they are committed -> ... -> snapshot of a leader -> entries ...
 *
 * Loading a leader's snapshot takes a while; entries that are committed meanwhile wait in order. One that leads
 * never loads one: what it has committed is in its own log.
 */
import { assert, errorMessage, type Logger } from '@millrace/base';
import { entryEnd, type RaftEntry } from '@millrace/raft';
import type { Snapshot, SnapshotStore } from '@millrace/state-machine';
import { applyMetadataRecord } from '../image/apply-metadata-record.js';
import { MetadataImage } from '../image/metadata-image.js';
import { decodeMetadataRecord } from '../image/metadata-record.js';
import { metadataSnapshotCodec } from '../metadata-snapshot-codec.js';

export interface MetadataFollowerOptions {
  readonly snapshots: SnapshotStore;
  readonly logger: Logger;
  /** A snapshot is written when so many records were committed since the last one. */
  readonly snapshotEveryRecords: number;
  /** Called after each entry that changed the image, and after a snapshot was loaded. */
  readonly onImage: (image: MetadataImage) => void;
  /** Makes the log durable up to where it ends: a snapshot never reaches past it. */
  readonly syncLog: () => Promise<void>;
  /** A durable snapshot holds everything before this position. */
  readonly onSnapshot: (safeStart: number) => void;
  /** The image cannot be followed any more. */
  readonly onFailed: (error: unknown) => void;
}

export class MetadataFollower {
  readonly #options: MetadataFollowerOptions;
  #image = MetadataImage.empty;
  #snapshotPosition = 0;
  /** Entries that wait for a snapshot to be loaded; undefined: none is. */
  #backlog: RaftEntry[] | undefined;
  #snapshotting: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: MetadataFollowerOptions) {
    this.#options = options;
  }

  get image(): MetadataImage {
    return this.#image;
  }

  /** Everything committed before this position is in the image. */
  get position(): number {
    return this.#image.position;
  }

  load(snapshot: Snapshot | undefined): void {
    if (snapshot === undefined) return;
    this.#image = metadataSnapshotCodec.decode(snapshot.chunks, snapshot.position);
    this.#snapshotPosition = snapshot.position;
    this.#options.onImage(this.#image);
  }

  onCommitted(entry: RaftEntry): void {
    if (this.#isClosed) return;
    if (this.#backlog !== undefined) this.#backlog.push(entry);
    else this.#apply(entry);
  }

  /** `installed` resolves when the snapshot is on the disk. */
  async onSnapshotInstalled(position: number, installed: Promise<void>): Promise<void> {
    this.#backlog = [];
    try {
      await installed;
      await this.#snapshotting;
      if (this.#isClosed) return;
      const snapshot = this.#options.snapshots.latest();
      assert(snapshot?.position === position, `the snapshot that was installed ends at ${position}`);
      this.load(snapshot);
      const backlog = this.#backlog;
      this.#backlog = undefined;
      for (const entry of backlog) this.onCommitted(entry);
    } catch (error) {
      this.#options.onFailed(error);
    }
  }

  /** Writes a snapshot now, unless there is one of this very image. */
  snapshot(): Promise<void> {
    this.#snapshotting ??= this.#writeSnapshot().finally(() => {
      this.#snapshotting = undefined;
    });
    return this.#snapshotting;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled([this.#snapshotting]);
  }

  /** As it is by now: a leader's snapshot may have come, or the end. */
  #mayCut(): boolean {
    return !this.#isClosed && !this.#isLoading;
  }

  get #isLoading(): boolean {
    return this.#backlog !== undefined;
  }

  #apply(entry: RaftEntry): void {
    const { kind, position, records } = entry;
    let image = this.#image;
    assert(position >= image.position, `entry ${position} is committed after the image at ${image.position}`);
    // Entries of the log's own change nothing, and still count as read.
    if (kind !== 'records') image = image.withPosition(entryEnd(entry));
    else {
      records.forEach((record, index) => {
        image = applyMetadataRecord(image, decodeMetadataRecord(record), position + index);
      });
    }
    this.#image = image;
    this.#options.onImage(image);
    if (image.position - this.#snapshotPosition < this.#options.snapshotEveryRecords) return;
    this.snapshot().catch((error: unknown) => {
      this.#options.logger.error('A snapshot of the metadata could not be written; the log is kept whole', {
        reason: errorMessage(error),
      });
    });
  }

  async #writeSnapshot(): Promise<void> {
    const { snapshots, syncLog, onSnapshot } = this.#options;
    const image = this.#image;
    if (image.position === this.#snapshotPosition || this.#isLoading) return;
    // Counts from here also when the write fails: the next attempt comes after as many records again, not at once.
    this.#snapshotPosition = image.position;
    await syncLog();
    await snapshots.write(image.position, metadataSnapshotCodec.encode(image));
    if (this.#mayCut()) onSnapshot(snapshots.safeStart());
  }
}
