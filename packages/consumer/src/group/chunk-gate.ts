/**
 * Stands between what a group consumer fetched and the program.
 *
 * - at-most-once: a chunk is handed over after its end was committed;
 * - a program that never waits lets no heartbeat through: now and then it gets its next chunk one turn later.
 */
import { errorMessage, sleep } from '@millrace/base';
import type { ClusterClient } from '@millrace/client';
import type { HeldChunk } from '../delivery.js';
import { type CommitEntry, isFenced, type OffsetCommitter } from './offset-committer.js';

export interface ChunkGateOptions {
  readonly client: ClusterClient;
  readonly committer: OffsetCommitter;
  readonly commitsFirst: boolean;
  readonly admit: (held: HeldChunk) => void;
  readonly refuse: (held: HeldChunk) => void;
  readonly signal: AbortSignal;
}

const breathMs = 50;
/** After a commit that failed: the membership is renewed meanwhile, or the coordinator found. */
const pauseMs = 200;

export class ChunkGate {
  readonly #options: ChunkGateOptions;
  #breathedMs = -Infinity;

  constructor(options: ChunkGateOptions) {
    this.#options = options;
  }

  /** Whether it may be handed over now; else it is admitted, or refused, later. */
  pass(held: HeldChunk): boolean {
    const { client, committer, commitsFirst, admit } = this.#options;
    // After a way back (of the program, or because the log ends before) what is committed lies ahead, and means nothing.
    const entry = commitsFirst ? committer.entry(held.state, held.chunk.nextOffset) : undefined;
    if (entry !== undefined) {
      void this.#commitFirst(held, entry);
      return false;
    }
    const { clock } = client.environment;
    if (clock.monotonicMs() - this.#breathedMs < breathMs) return true;
    clock.nextTurn(() => {
      this.#breathedMs = clock.monotonicMs();
      admit(held);
    });
    return false;
  }

  async #commitFirst(held: HeldChunk, entry: CommitEntry): Promise<void> {
    const { client, committer, admit, refuse, signal } = this.#options;
    const { state } = held;
    const { clock, logger } = client.environment;
    try {
      await committer.commit([entry]);
      admit(held);
    } catch (error) {
      const facts = { topic: state.topic, partition: state.partition, error: errorMessage(error) };
      if (isFenced(error)) logger.debug('records are withheld: their partition is not ours any more', facts);
      else logger.warn('records are withheld: their offset could not be committed', facts);
      // When the consumer is closed nobody waits for the chunk.
      await sleep(clock, pauseMs, signal).catch(() => undefined);
      refuse(held);
    }
  }
}
