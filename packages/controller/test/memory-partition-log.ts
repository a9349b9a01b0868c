import { BatchView, patchBatch } from '@millrace/record';
import type { AppendResult, ReadResult } from '@millrace/storage';
import type { ControllerOptions } from '@millrace/controller';

/** A partition log in memory whose syncs wait for the test, when it wants that. */
export class MemoryPartitionLog {
  readonly directory = '/';
  startOffset = 0;
  syncedEndOffset = 0;
  /** Syncs end only at `releaseSyncs`. */
  isHoldingSyncs = false;
  onOffline: ControllerOptions['log']['onOffline'];
  failNextAppend: Error | undefined;
  failNextSync: Error | undefined;
  #batches: { readonly baseOffset: number; readonly nextOffset: number; readonly bytes: Uint8Array }[] = [];
  #held: (() => void)[] = [];

  get endOffset(): number {
    return this.#batches.at(-1)?.nextOffset ?? this.startOffset;
  }

  get batchCount(): number {
    return this.#batches.length;
  }

  append(bytes: Uint8Array): AppendResult {
    const failure = this.failNextAppend;
    this.failNextAppend = undefined;
    if (failure !== undefined) throw failure;
    const copy = bytes.slice();
    const baseOffset = this.endOffset;
    patchBatch(copy, 0, { baseOffset, leaderEpoch: 0 });
    const view = new BatchView(copy);
    this.#batches.push({ baseOffset, nextOffset: view.nextOffset, bytes: copy });
    return { baseOffset, lastOffset: view.lastOffset, logAppendTimeMs: -1, duplicate: false };
  }

  async sync(): Promise<void> {
    const end = this.endOffset;
    const failure = this.failNextSync;
    this.failNextSync = undefined;
    if (this.isHoldingSyncs) await new Promise<void>((resolve) => this.#held.push(resolve));
    if (failure !== undefined) throw failure;
    this.syncedEndOffset = Math.max(this.syncedEndOffset, end);
  }

  releaseSyncs(): void {
    this.isHoldingSyncs = false;
    for (const release of this.#held.splice(0)) release();
  }

  read(offset: number, maxBytes: number): Promise<ReadResult> {
    const chosen: Uint8Array[] = [];
    let sizeBytes = 0;
    for (const { bytes, nextOffset } of this.#batches) {
      if (nextOffset <= offset) continue;
      if (chosen.length > 0 && sizeBytes + bytes.length > maxBytes) break;
      chosen.push(bytes);
      sizeBytes += bytes.length;
    }
    return Promise.resolve({ bytes: Buffer.concat(chosen) });
  }

  advanceStartOffset(offset: number): Promise<void> {
    this.startOffset = Math.max(this.startOffset, offset);
    this.#batches = this.#batches.filter(({ nextOffset }) => nextOffset > offset);
    return Promise.resolve();
  }

  /** Only a replica of several cuts its log. */
  truncateTo(): Promise<void> {
    return Promise.reject(new Error('a single voter never truncates'));
  }

  resetTo(): Promise<void> {
    return Promise.reject(new Error('a single voter never resets'));
  }

  /** As a log that the controller takes; the type says when the two have come apart. */
  asLog(): ControllerOptions['log'] {
    return this;
  }
}
