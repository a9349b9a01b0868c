/**
 * One reading of all partitions of a follower's fetch: up to the end of the log, within the limits of the request. What
 * memory still has is taken from there; a follower that is far behind reads the disk, through the gate.
 *
 * The first batch that is found is taken even when it is larger than the limits; after that, what does not fit is left
 * out.
 */
import { replicaFetchApi, type ReplicaFetchRequest, type ReplicaFetchResponse } from '@millrace/protocol';
import type { ReadResult } from '@millrace/storage';
import type { BrokerServices } from '../broker-services.js';
import { entryError } from '../handlers/entry-error.js';
import type { Divergence } from '../partition/divergence.js';
import type { Leadership } from '../partition/leadership.js';
import type { Partition } from '../partition/partition.js';
import { catchUpBytes } from './catch-up-gate.js';

type Entry = ReplicaFetchRequest['partitions'][number];
type Result = ReplicaFetchResponse['partitions'][number];

/** What became of an entry when the fetch arrived. */
export type Arrival =
  | { readonly kind: 'reads'; readonly partition: Partition; readonly leadership: Leadership }
  | { readonly kind: 'diverges'; readonly leadership: Leadership; readonly divergence: Divergence }
  | { readonly kind: 'fails'; readonly error: unknown; readonly logStartOffset: number };

export interface ReplicaFetchArrived {
  readonly request: ReplicaFetchRequest;
  /** In the order of the request's entries. */
  readonly arrivals: readonly Arrival[];
  readonly maxBytes: number;
}

export class ReplicaReading {
  readonly results: Result[] = [];
  readonly payload: Uint8Array[] = [];
  /** Those that could be read. */
  readonly partitions: Partition[] = [];
  readonly #services: BrokerServices;
  readonly #fetch: ReplicaFetchArrived;
  readonly #releases: (() => void)[] = [];
  #bytes = 0;
  /** Sum over `partitions` before they were read. */
  #appendedBytesBefore = 0;
  #throttledMs = Infinity;
  /** Something else than records is to be told, or something was there and did not fit. */
  #isFinal = false;

  private constructor(services: BrokerServices, fetch: ReplicaFetchArrived) {
    this.#services = services;
    this.#fetch = fetch;
  }

  static async of(services: BrokerServices, fetch: ReplicaFetchArrived): Promise<ReplicaReading> {
    const reading = new ReplicaReading(services, fetch);
    for (const [index, entry] of fetch.request.partitions.entries()) {
      const fromDisk = reading.#read(entry, fetch.arrivals[index]!);
      if (fromDisk !== undefined) await fromDisk;
    }
    return reading;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether waiting could not make the answer any better. */
  get isFinal(): boolean {
    return this.#isFinal || (this.partitions.length === 0 && this.#throttledMs === Infinity);
  }

  /** After how long a partition that was held back may be read; Infinity: none was. */
  get throttledMs(): number {
    return this.#throttledMs;
  }

  /** Bytes that were appended since the partitions were read. */
  get missedBytes(): number {
    let appendedBytes = 0;
    for (const partition of this.partitions) appendedBytes += partition.appendedBytes;
    return appendedBytes - this.#appendedBytesBefore;
  }

  /** Gives the memory of the payload back. */
  release(): void {
    for (const release of this.#releases.splice(0)) release();
  }

  #read(entry: Entry, arrival: Arrival): Promise<void> | undefined {
    if (arrival.kind === 'fails') this.#addError(entry, arrival.error, arrival.logStartOffset);
    else if (arrival.kind === 'diverges') {
      this.#isFinal = true;
      this.#add(entry, { ...nothing, leaderEpoch: arrival.leadership.leaderEpoch, diverging: arrival.divergence });
    } else return this.#readRecords(entry, arrival.partition, arrival.leadership);
    return undefined;
  }

  #readRecords(entry: Entry, partition: Partition, leadership: Leadership): Promise<void> | undefined {
    try {
      // Deposed while the fetch waited: what it was checked against is over.
      if (partition.requireLeader(entry.leaderEpoch) !== leadership)
        partition.requireLeader(leadership.leaderEpoch + 1);
      const { log } = partition;
      if (entry.fetchOffset < log.endOffset && this.#fetch.maxBytes > 0 && this.#isHeldBack(partition, leadership)) {
        this.#addRecords(entry, partition, leadership);
        return undefined;
      }
      this.partitions.push(partition);
      this.#appendedBytesBefore += partition.appendedBytes;
      const leftBytes = this.#fetch.maxBytes - this.#bytes;
      const hasMore = entry.fetchOffset < log.endOffset;
      if (!hasMore || (leftBytes <= 0 && this.#bytes > 0) || this.#fetch.maxBytes === 0) {
        this.#isFinal ||= hasMore;
        this.#addRecords(entry, partition, leadership);
        return undefined;
      }
      const wantedBytes = Math.min(entry.maxBytes, leftBytes, this.#portion(partition, leadership));
      const cached = log.readCached(entry.fetchOffset, wantedBytes, log.endOffset);
      if (cached === undefined) return this.#readDisk(entry, partition, leadership);
      this.#take(entry, partition, leadership, cached);
    } catch (error) {
      this.#addError(entry, error, -1);
    }
    return undefined;
  }

  #isHeldBack(partition: Partition, leadership: Leadership): boolean {
    const { leaderRate } = partition.policy;
    if (leaderRate === undefined || this.#isInSync(leadership)) return false;
    const { catchUpThrottle, clock } = this.#services;
    const waitMs = catchUpThrottle.waitMs(partition.topicId, leaderRate, clock.monotonicMs());
    if (waitMs > 0) this.#throttledMs = Math.min(this.#throttledMs, waitMs);
    return waitMs > 0;
  }

  /** At most a second's worth at a time. */
  #portion({ policy }: Partition, leadership: Leadership): number {
    return policy.leaderRate === undefined || this.#isInSync(leadership) ? Infinity : Math.max(1, policy.leaderRate);
  }

  #isInSync({ inSync }: Leadership): boolean {
    return inSync.maximal.includes(this.#fetch.request.brokerId);
  }

  async #readDisk(entry: Entry, partition: Partition, leadership: Leadership): Promise<void> {
    const { catchUp, clock } = this.#services;
    const progress = leadership.follower(this.#fetch.request.brokerId);
    const { log } = partition;
    progress?.beginRead(clock.monotonicMs());
    try {
      const portion = Math.min(catchUpBytes, this.#portion(partition, leadership));
      const wantedBytes = Math.min(entry.maxBytes, this.#fetch.maxBytes - this.#bytes, portion);
      const read = await catchUp.pass(() => log.read(entry.fetchOffset, wantedBytes, log.endOffset));
      this.#take(entry, partition, leadership, read);
    } catch (error) {
      this.#addError(entry, error, -1);
    } finally {
      progress?.endRead(clock.monotonicMs());
    }
  }

  #take(entry: Entry, partition: Partition, leadership: Leadership, read: ReadResult): void {
    if (this.#bytes > 0 && this.#bytes + read.bytes.length > this.#fetch.maxBytes) {
      this.#isFinal = true;
      read.release?.();
      this.#addRecords(entry, partition, leadership);
      return;
    }
    if (read.release !== undefined) this.#releases.push(() => read.release?.());
    if (partition.policy.leaderRate !== undefined && !this.#isInSync(leadership)) {
      const { catchUpThrottle, clock } = this.#services;
      catchUpThrottle.moved(partition.topicId, read.bytes.length, clock.monotonicMs());
    }
    this.#addRecords(entry, partition, leadership, read.bytes);
  }

  #addRecords(entry: Entry, partition: Partition, leadership: Leadership, bytes?: Uint8Array): void {
    if (bytes !== undefined && bytes.length > 0) {
      this.payload.push(bytes);
      this.#bytes += bytes.length;
    }
    const { highWatermark, log } = partition;
    const { leaderEpoch } = leadership;
    const logStartOffset = log.startOffset;
    if (leadership.follower(this.#fetch.request.brokerId)?.isNewStart(logStartOffset) === true) this.#isFinal = true;
    this.#add(entry, { ...nothing, leaderEpoch, highWatermark, logStartOffset, bytes: bytes?.length ?? 0 });
  }

  #addError(entry: Entry, error: unknown, logStartOffset: number): void {
    this.#isFinal = true;
    this.#add(entry, { ...nothing, ...entryError(this.#services, replicaFetchApi, error), logStartOffset });
  }

  #add({ topicId, partition }: Entry, result: Omit<Result, 'topicId' | 'partition'>): void {
    this.results.push({ topicId, partition, ...result });
  }
}

const nothing: Omit<Result, 'topicId' | 'partition'> = {
  error: 0,
  message: null,
  leaderEpoch: -1,
  highWatermark: -1,
  logStartOffset: -1,
  diverging: null,
  bytes: 0,
};
