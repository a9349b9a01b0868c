/**
 * What must hold from one batch of a log to the next. The CRC of a batch does not cover its offset and its leader
 * epoch, so it is these rules that tell when one of them is damaged.
 */
import type { BatchView } from '@millrace/record';

export interface ChainRules {
  /** Compaction may have taken offsets out: they still ascend. */
  readonly allowsGaps: boolean;
  /**
   * The leader epoch that the batch at an offset must have, by the log's epoch history; undefined when there is none to
   * ask. `claimed` is what the batch says.
   */
  epochAt(offset: number, claimed: number): number | undefined;
}

export class BatchChain {
  readonly #rules: ChainRules;
  #nextOffset: number;

  /** The next batch begins at `nextOffset`; when gaps are allowed, there or later. */
  constructor(rules: ChainRules, nextOffset: number) {
    this.#rules = rules;
    this.#nextOffset = nextOffset;
  }

  get nextOffset(): number {
    return this.#nextOffset;
  }

  /** Takes the next batch, or says why it cannot be that. */
  add(batch: BatchView): string | undefined {
    const { baseOffset, leaderEpoch } = batch;
    const expected = this.#nextOffset;
    if (this.#rules.allowsGaps ? baseOffset < expected : baseOffset !== expected) {
      return `a batch at offset ${baseOffset} where ${expected} is next`;
    }
    const epoch = this.#rules.epochAt(baseOffset, leaderEpoch);
    if (epoch !== undefined && epoch !== leaderEpoch) {
      return `a batch at offset ${baseOffset} with leader epoch ${leaderEpoch} instead of ${epoch}`;
    }
    this.#nextOffset = batch.nextOffset;
    return undefined;
  }
}
