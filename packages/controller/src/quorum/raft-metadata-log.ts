/** The Raft log as the committed log under the controller's state machine. Only for as long as this node leads. */
import { assert } from '@millrace/base';
import { protocolError } from '@millrace/protocol';
import type { RaftDriver } from '@millrace/raft';
import type { CommittedLog } from '@millrace/state-machine';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from '../image/metadata-record.js';

export interface RaftMetadataLogOptions {
  readonly driver: RaftDriver;
  /** The largest decision: what fits into one entry. */
  readonly maxEntryBytes: number;
  /** Position of the image that this node's subscribers have. */
  readonly followed: () => number;
  /** What whoever waits is told when the leadership is lost. */
  readonly lostReason: (cause: unknown) => Error;
}

export class RaftMetadataLog implements CommittedLog<MetadataRecord> {
  readonly #options: RaftMetadataLogOptions;
  #onLost: ((reason: unknown) => void) | undefined;

  constructor(options: RaftMetadataLogOptions) {
    this.#options = options;
  }

  get startPosition(): number {
    return this.#options.driver.startPosition;
  }

  get committedPosition(): number {
    return this.#options.driver.committedPosition;
  }

  get endPosition(): number {
    return this.#options.driver.endPosition;
  }

  get onLost(): ((reason: unknown) => void) | undefined {
    return this.#onLost;
  }

  set onLost(callback: ((reason: unknown) => void) | undefined) {
    this.#onLost = callback;
    const { driver, lostReason } = this.#options;
    driver.onLost =
      callback &&
      ((reason) => {
        callback(lostReason(reason));
      });
  }

  append(records: readonly MetadataRecord[]): number {
    let sizeBytes = 0;
    const encoded = records.map((record) => {
      assert(record.type !== 'unknown', 'a record of unknown type is appended');
      const bytes = encodeMetadataRecord(record);
      sizeBytes += bytes.length + recordOverheadBytes;
      return bytes;
    });
    const { maxEntryBytes, driver } = this.#options;
    if (sizeBytes + recordOverheadBytes > maxEntryBytes) {
      throw protocolError(
        'POLICY_VIOLATION',
        `The change takes more than ${maxEntryBytes} bytes of metadata at once. Ask for less in one request.`,
      );
    }
    return driver.append(encoded);
  }

  async committed(position: number): Promise<void> {
    const { driver, followed } = this.#options;
    try {
      await driver.committed(position);
    } catch (error) {
      throw this.#options.lostReason(error);
    }
    // Whoever made the change sees it in the image as soon as it has the answer.
    assert(followed() >= position, `position ${position} is committed, and the image is at ${followed()}`);
  }

  async barrier(): Promise<void> {
    try {
      await this.#options.driver.barrier();
    } catch (error) {
      throw this.#options.lostReason(error);
    }
  }

  replay(from: number, apply: (record: MetadataRecord, position: number) => void): Promise<number> {
    return this.#options.driver.replay(from, (bytes, position) => {
      apply(decodeMetadataRecord(bytes), position);
    });
  }

  advanceStart(): void {
    assert(false, 'snapshots of the metadata are written by its follower');
  }
}

/** What Raft and the record batch count for each record, and for the whole, generously. */
const recordOverheadBytes = 64;
