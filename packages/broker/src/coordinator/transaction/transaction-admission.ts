/**
 * Batches that wait until the coordinator knows that their transaction writes to their partition.
 *
 * All that arrives for one partition and producer epoch meanwhile waits in line, for it must be appended in the order of
 * its arrival. What one request brings is asked for at once.
 */
import { FrameMemory, protocolError, SlabPool } from '@millrace/protocol';
import { partitionKey } from '../assignor/topic-partition.js';
import type { TransactionIdentity, TransactionPartition, TransactionVerifier } from './transaction-verifier.js';

export interface WaitingBatch extends TransactionPartition {
  readonly bytes: number;
  /** Exactly one of them is called, later. */
  readonly admitted: () => void;
  readonly refused: (error: unknown) => void;
}

/** A batch as long as it waits, and the memory in which it lies: to be released once. */
export interface KeptBatch {
  readonly bytes: Uint8Array;
  readonly memory: FrameMemory;
}

/** Of all that wait together. */
const maxWaitingBytes = 128 * 1024 * 1024;
/** Of memory that lies ready for the next that wait. */
const maxFreeBytes = 8 * 1024 * 1024;

export class TransactionAdmission {
  readonly #verifier: Pick<TransactionVerifier, 'add'>;
  readonly #lines = new Map<string, WaitingBatch[]>();
  /** Memory for what arrived in the socket's own. */
  readonly #slabs = new SlabPool({ maxFreeBytes });
  #bytes = 0;

  constructor(verifier: Pick<TransactionVerifier, 'add'>) {
    this.#verifier = verifier;
  }

  /** Whether batches of this transaction wait at this partition: what comes now has to wait behind them. */
  hasLine(identity: TransactionIdentity, { topicId, partition }: TransactionPartition): boolean {
    return this.#lines.has(lineKey(identity, { topicId, partition }));
  }

  /** Bytes of a request beyond its end: as they are where the memory they lie in can be kept, else copied. */
  keep(batch: Uint8Array, memory: FrameMemory | undefined): KeptBatch {
    if (this.#bytes + batch.length > maxWaitingBytes) {
      throw protocolError(
        'THROTTLING_QUOTA_EXCEEDED',
        'Too many batches wait for their transactions: try again later.',
      );
    }
    if (memory !== undefined) {
      memory.retain();
      return { bytes: batch, memory };
    }
    const slab = this.#slabs.take(batch.length);
    slab.set(batch);
    return { bytes: slab.subarray(0, batch.length), memory: new FrameMemory(slab, this.#slabs) };
  }

  wait(identity: TransactionIdentity, batches: readonly WaitingBatch[]): void {
    const begun = new Map<string, TransactionPartition>();
    for (const batch of batches) {
      const key = lineKey(identity, batch);
      this.#bytes += batch.bytes;
      const line = this.#lines.get(key);
      if (line !== undefined) line.push(batch);
      else {
        this.#lines.set(key, [batch]);
        begun.set(key, { topicId: batch.topicId, partition: batch.partition });
      }
    }
    if (begun.size > 0) void this.#ask(identity, begun);
  }

  /** Never rejects. */
  async #ask(identity: TransactionIdentity, begun: ReadonlyMap<string, TransactionPartition>): Promise<void> {
    let refusal: { readonly error: unknown } | undefined;
    try {
      await this.#verifier.add(identity, [...begun.values()]);
    } catch (error) {
      refusal = { error };
    }
    for (const key of begun.keys()) {
      const line = this.#lines.get(key) ?? [];
      this.#lines.delete(key);
      for (const batch of line) {
        this.#bytes -= batch.bytes;
        if (refusal === undefined) batch.admitted();
        else batch.refused(refusal.error);
      }
    }
  }
}

function lineKey(
  { transactionalId, producerId, producerEpoch }: TransactionIdentity,
  { topicId, partition }: TransactionPartition,
): string {
  return `${partitionKey(topicId, partition)}:${producerId}:${producerEpoch}:${transactionalId}`;
}
