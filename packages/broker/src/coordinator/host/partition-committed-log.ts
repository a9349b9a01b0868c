/**
 * The log under a coordinator: one partition of its topic, in one leadership of this node. Position and offset are the
 * same; committed is what lies below the high watermark.
 *
 * Only the coordinator appends to its partition, one batch for each decision, so that a decision survives as a whole or
 * not at all. When the leadership ends everything that waits is rejected, and nothing is appended any more: what was not
 * committed may or may not survive under the next leader.
 */
import type { MillraceError } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import { BatchView, encodeBatch, nextBatchSize, RecordCursor } from '@millrace/record';
import type { CommittedLog } from '@millrace/state-machine';
import type { Leadership } from '../../partition/leadership.js';
import type { Partition } from '../../partition/partition.js';
import type { EntryCodec } from './entry-codec.js';

export interface PartitionCommittedLogOptions<Entry> {
  readonly partition: Partition;
  readonly leadership: Leadership;
  readonly codec: EntryCodec<Entry>;
  readonly wallMs: () => number;
  /** Lets others have a turn. */
  readonly pause: () => Promise<void>;
  /** The largest batch that the topic takes. */
  readonly maxBatchBytes: number;
}

/** Bytes of one read while replaying: between two reads others have their turn. */
const replayBytes = 1024 * 1024;
/** Of one batch: more than any that is appended here. */
const maxDecompressedBytes = 64 * 1024 * 1024;

export class PartitionCommittedLog<Entry> implements CommittedLog<Entry> {
  onLost: ((reason: unknown) => void) | undefined;
  readonly #options: PartitionCommittedLogOptions<Entry>;
  readonly #waiting = new Set<(reason: unknown) => void>();
  #lostWith: MillraceError | undefined;

  constructor(options: PartitionCommittedLogOptions<Entry>) {
    this.#options = options;
  }

  get startPosition(): number {
    return this.#options.partition.log.startOffset;
  }

  get committedPosition(): number {
    return this.#options.partition.highWatermark;
  }

  get endPosition(): number {
    return this.#options.partition.log.endOffset;
  }

  append(entries: readonly Entry[]): number {
    const { partition, codec, wallMs, maxBatchBytes } = this.#options;
    this.#requireLeadership();
    partition.requireOnline();
    if (!partition.hasEnoughInSync) {
      throw protocolError(
        'COORDINATOR_NOT_AVAILABLE',
        `${partition.label} has too few replicas in sync to be written.`,
      );
    }
    const timestampMs = wallMs();
    const batch = encodeBatch(entries.map((entry) => ({ ...codec.encode(entry), timestampMs })));
    if (batch.length > maxBatchBytes) {
      throw protocolError(
        'INVALID_COMMIT_OFFSET_SIZE',
        `A change of ${entries.length} records has ${batch.length} bytes; ${partition.label} takes ${maxBatchBytes} at a time.`,
      );
    }
    partition.append(batch);
    return partition.log.endOffset;
  }

  committed(position: number): Promise<void> {
    const lost = this.#lost();
    if (lost !== undefined) return Promise.reject(lost);
    if (this.committedPosition >= position) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      this.#waitFor(position, resolve, reject);
    });
  }

  async barrier(): Promise<void> {
    await this.committed(this.endPosition);
    this.#requireLeadership();
  }

  async replay(from: number, apply: (entry: Entry, position: number) => void): Promise<number> {
    const { partition, codec, pause } = this.#options;
    const end = this.endPosition;
    await this.committed(end);
    const view = new BatchView();
    for (let offset = from; offset < end; await pause()) {
      const read = await partition.log.read(offset, replayBytes, end);
      const { bytes } = read;
      try {
        this.#requireLeadership();
        let position = 0;
        for (let size = nextBatchSize(bytes, 0, bytes.length); size !== undefined;) {
          offset = applyBatch(view.at(bytes, position), { from: offset, codec, apply });
          position += size;
          size = nextBatchSize(bytes, position, bytes.length);
        }
        // Compaction may have left nothing between here and the end.
        if (position === 0) offset = end;
      } finally {
        read.release?.();
      }
    }
    return this.endPosition;
  }

  /** The log is kept whole: compaction makes it short. */
  advanceStart(): void {
    throw protocolError('INVALID_REQUEST', `${this.#options.partition.label} has no snapshots beside it.`);
  }

  /** The leadership is over: tells all who wait, once. */
  lost(reason: MillraceError): void {
    if (this.#lostWith !== undefined) return;
    this.#lostWith = reason;
    for (const reject of this.#waiting) reject(reason);
    this.#waiting.clear();
    this.onLost?.(reason);
  }

  /** Too few replicas in sync is no end: what was appended stays, and is committed when they are back. */
  #waitFor(position: number, resolve: () => void, reject: (reason: unknown) => void): void {
    const { partition } = this.#options;
    const settle = (end: () => void): void => {
      if (this.#waiting.delete(reject)) end();
    };
    const waiter = {
      isDone: false,
      committed: () => {
        settle(resolve);
      },
      failed: (_entry: number, error: MillraceError) => {
        if (error.code === 'NOT_ENOUGH_REPLICAS_AFTER_APPEND' && this.#waiting.has(reject)) {
          this.#waitFor(position, resolve, reject);
        } else {
          settle(() => {
            reject(error.code === 'NOT_LEADER_OR_FOLLOWER' ? protocolError('NOT_COORDINATOR', error.message) : error);
          });
        }
      },
    };
    partition.waitForCommit({ lastOffset: position - 1, acks: -1 }, waiter, 0);
  }

  #requireLeadership(): void {
    const lost = this.#lost();
    if (lost !== undefined) throw lost;
  }

  #lost(): MillraceError | undefined {
    const { partition, leadership } = this.#options;
    if (this.#lostWith !== undefined) return this.#lostWith;
    if (partition.leadership === leadership) return undefined;
    return protocolError(
      'NOT_COORDINATOR',
      `This node does not lead ${partition.label} any more: find the coordinator.`,
    );
  }
}

interface Replay<Entry> {
  readonly from: number;
  readonly codec: EntryCodec<Entry>;
  readonly apply: (entry: Entry, position: number) => void;
}

/** Returns the offset after the batch. */
function applyBatch<Entry>(batch: BatchView, { from, codec, apply }: Replay<Entry>): number {
  const cursor = RecordCursor.over(batch, { maxDecompressedBytes });
  while (!batch.isControl && cursor.next()) {
    const { key, value, offset } = cursor;
    if (offset < from || key === null) continue;
    const entry = codec.decode(key, value);
    if (entry !== undefined) apply(entry, offset);
  }
  return batch.nextOffset;
}
