/**
 * The metadata log of a single voter: a committed log over one partition log on this node's disk.
 *
 * Position = offset. One decision is one record batch, so a crash keeps all of it or nothing. A record's value is the
 * metadata record as MessagePack. Committed = synced: with one voter, its own disk is the majority.
 */
import { assert, type Clock, MillraceError } from '@millrace/base';
import { BatchView, BatchWriter, nextBatchSize, RecordCursor } from '@millrace/record';
import type { CommittedLog } from '@millrace/state-machine';
import type { PartitionLog } from '@millrace/storage';
import { decodeMetadataRecord, encodeMetadataRecord, type MetadataRecord } from './image/metadata-record.js';
import { maxDecisionBytes } from './metadata-topic.js';

/** What is used of a partition log. */
export type MetadataPartitionLog = Pick<
  PartitionLog,
  'append' | 'sync' | 'read' | 'startOffset' | 'endOffset' | 'syncedEndOffset' | 'advanceStartOffset' | 'onOffline'
>;

const replayChunkBytes = 1024 * 1024;
/** There is one voter and it leads from the beginning; Raft terms take this place. */
const leaderEpoch = 0;

export class MetadataLog implements CommittedLog<MetadataRecord> {
  readonly #log: MetadataPartitionLog;
  onLost: ((reason: unknown) => void) | undefined;
  readonly #clock: Clock;

  constructor(log: MetadataPartitionLog, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  get startPosition(): number {
    return this.#log.startOffset;
  }

  get committedPosition(): number {
    return this.#log.syncedEndOffset;
  }

  get endPosition(): number {
    return this.#log.endOffset;
  }

  append(records: readonly MetadataRecord[]): number {
    const writer = new BatchWriter({ maxBytes: maxDecisionBytes });
    const nowMs = this.#clock.wallMs();
    for (const record of records) {
      assert(record.type !== 'unknown', 'a record of unknown type is appended');
      if (writer.append(null, encodeMetadataRecord(record), undefined, nowMs)) continue;
      throw new MillraceError(
        'POLICY_VIOLATION',
        `The change takes more than ${maxDecisionBytes} bytes of metadata at once. Ask for less in one request.`,
      );
    }
    const batch = writer.finish();
    return this.#log.append(batch, { origin: 'coordinator', leaderEpoch }).lastOffset + 1;
  }

  async committed(position: number): Promise<void> {
    if (this.#log.syncedEndOffset >= position) return;
    await this.#log.sync();
    assert(this.#log.syncedEndOffset >= position, `a sync of the metadata log ends before ${position}`);
  }

  /** Nobody else can append to a single voter's log, so the commit of what is there is all. */
  barrier(): Promise<void> {
    return this.committed(this.#log.endOffset);
  }

  async replay(from: number, apply: (record: MetadataRecord, position: number) => void): Promise<number> {
    await this.committed(this.#log.endOffset);
    const end = this.#log.endOffset;
    const batch = new BatchView();
    for (let position = from; position < end;) {
      const chunk = await this.#log.read(position, replayChunkBytes, end);
      const { bytes } = chunk;
      const before = position;
      for (let at = 0; ;) {
        const size = nextBatchSize(bytes, at, bytes.length);
        if (size === undefined) break;
        batch.at(bytes, at);
        const cursor = RecordCursor.over(batch, { maxDecompressedBytes: maxDecisionBytes });
        while (cursor.next()) {
          if (cursor.offset < position) continue;
          assert(cursor.offset === position, `metadata record ${cursor.offset} follows ${position - 1}`);
          assert(cursor.value !== null, `metadata record ${position} has no value`);
          apply(decodeMetadataRecord(cursor.value), position);
          position += 1;
        }
        at += size;
      }
      chunk.release?.();
      assert(position > before, `the metadata log gave nothing at ${position}, before its end ${end}`);
    }
    return end;
  }

  advanceStart(position: number): Promise<void> {
    return this.#log.advanceStartOffset(position);
  }
}
