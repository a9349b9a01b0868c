/**
 * One reading of all partitions of a fetch, in the order of the request, within its byte limits.
 *
 * The first batch that is found is taken even when it is larger than the limits, so that a reader never gets stuck at
 * it; after that, what does not fit is left out. Records come from memory where the log still has them there, else
 * from the disk, one partition at a time.
 */
import { fetchApi, type FetchRequest, type FetchResponse } from '@millrace/protocol';
import { BatchView, nextBatchSize } from '@millrace/record';
import type { ReadResult } from '@millrace/storage';
import type { BrokerServices } from '../broker-services.js';
import type { Partition } from '../partition/partition.js';
import { entryError } from './entry-error.js';

type Entry = FetchRequest['partitions'][number];
type Result = FetchResponse['partitions'][number];

const nothing = new Uint8Array(0);
const noneAborted: Result['aborted'] = [];

/** How far a partition may be read, as it was when its turn came. */
interface Reach {
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  /** One of the two, by the isolation that was asked for. */
  readonly endOffset: number;
}

export class FetchReading {
  readonly results: Result[] = [];
  readonly payload: Uint8Array[] = [];
  /** Those that could be read. */
  readonly partitions: Partition[] = [];
  readonly #services: BrokerServices;
  readonly #maxBytes: number;
  readonly #isCommittedOnly: boolean;
  readonly #releases: (() => void)[] = [];
  #bytes = 0;
  /** Sum over `partitions` before they were read. */
  #visibleBytesBefore = 0;
  #hasError = false;
  /** Something was there and did not fit. */
  #isFull = false;
  /** Records of open transactions are there, which any marker may set free. */
  #isHeldBack = false;

  private constructor(services: BrokerServices, { isolation }: FetchRequest, maxBytes: number) {
    this.#services = services;
    this.#maxBytes = maxBytes;
    this.#isCommittedOnly = isolation === 'read-committed';
  }

  static async of(services: BrokerServices, request: FetchRequest, maxBytes: number): Promise<FetchReading> {
    const reading = new FetchReading(services, request, maxBytes);
    for (const entry of request.partitions) {
      const fromDisk = reading.#read(entry);
      if (fromDisk !== undefined) await fromDisk;
    }
    return reading;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether waiting could not make the answer any better. */
  get isFinal(): boolean {
    return this.#hasError || this.#isFull || this.partitions.length === 0;
  }

  /** Bytes that have to come before a reading could have so many. The marker of a transaction is small, and may free much. */
  bytesToWaitFor(minBytes: number): number {
    return Math.min(minBytes - this.#bytes, this.#isHeldBack ? 1 : Infinity);
  }

  /** Bytes that became readable since the partitions were read. */
  get missedBytes(): number {
    let visibleBytes = 0;
    for (const partition of this.partitions) visibleBytes += partition.visibleBytes;
    return visibleBytes - this.#visibleBytesBefore;
  }

  /** Gives the memory of the payload back. */
  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  #read(entry: Entry): Promise<void> | undefined {
    try {
      const partition = this.#services.partitions.leader(entry.topicId, entry.partition, entry.leaderEpoch);
      partition.requireInRange(entry.fetchOffset);
      this.partitions.push(partition);
      this.#visibleBytesBefore += partition.visibleBytes;
      const { log } = partition;
      const reach = this.#reachOf(partition);
      const leftBytes = this.#maxBytes - this.#bytes;
      if (entry.fetchOffset >= reach.endOffset) {
        this.#add(entry, partition, reach, nothing);
        return undefined;
      }
      if (leftBytes <= 0 && this.#bytes > 0) {
        this.#isFull = true;
        this.#add(entry, partition, reach, nothing);
        return undefined;
      }
      const wantedBytes = Math.min(entry.maxBytes, leftBytes);
      const cached = log.readCached(entry.fetchOffset, wantedBytes, reach.endOffset);
      if (cached !== undefined) {
        this.#take(entry, partition, reach, cached);
        return undefined;
      }
      return log.read(entry.fetchOffset, wantedBytes, reach.endOffset).then(
        (read) => this.#take(entry, partition, reach, read),
        (error: unknown) => this.#addError(entry, error),
      );
    } catch (error) {
      this.#addError(entry, error);
      return undefined;
    }
  }

  #reachOf({ log, highWatermark }: Partition): Reach {
    const lastStableOffset = log.lastStableOffset(highWatermark);
    if (this.#isCommittedOnly && lastStableOffset < highWatermark) this.#isHeldBack = true;
    return { highWatermark, lastStableOffset, endOffset: this.#isCommittedOnly ? lastStableOffset : highWatermark };
  }

  #take(entry: Entry, partition: Partition, reach: Reach, read: ReadResult): void {
    if (this.#bytes > 0 && this.#bytes + read.bytes.length > this.#maxBytes) {
      this.#isFull = true;
      read.release?.();
      this.#add(entry, partition, reach, nothing);
      return;
    }
    if (read.release !== undefined) this.#releases.push(() => read.release?.());
    const nextOffset = endOffset(read.bytes, entry.fetchOffset);
    if (nextOffset < reach.endOffset) this.#isFull = true;
    const aborted = this.#isCommittedOnly
      ? partition.log.abortedTransactions(entry.fetchOffset, nextOffset)
      : noneAborted;
    this.#add(entry, partition, reach, read.bytes, aborted);
  }

  #add(entry: Entry, partition: Partition, reach: Reach, bytes: Uint8Array, aborted = noneAborted): void {
    if (bytes.length > 0) this.payload.push(bytes);
    this.#bytes += bytes.length;
    this.results.push({
      topicId: entry.topicId,
      partition: entry.partition,
      error: 0,
      message: null,
      highWatermark: reach.highWatermark,
      lastStableOffset: reach.lastStableOffset,
      logStartOffset: partition.log.startOffset,
      aborted: aborted.map(({ producerId, firstOffset, lastOffset }) => ({ producerId, firstOffset, lastOffset })),
      bytes: bytes.length,
    });
  }

  #addError(entry: Entry, error: unknown): void {
    this.#hasError = true;
    this.results.push({
      topicId: entry.topicId,
      partition: entry.partition,
      ...entryError(this.#services, fetchApi, error),
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      aborted: noneAborted,
      bytes: 0,
    });
  }
}

const view = new BatchView();

/** The offset after the last of these batches. */
function endOffset(batches: Uint8Array, fetchOffset: number): number {
  let last = -1;
  let position = 0;
  for (let size = nextBatchSize(batches, 0, batches.length); size !== undefined;) {
    last = position;
    position += size;
    size = nextBatchSize(batches, position, batches.length);
  }
  return last < 0 ? fetchOffset : view.at(batches, last).nextOffset;
}
