/**
 * Cuts the end of a follower's log off, and says that it is being done: what the log says of itself meanwhile is of no
 * use, and nothing may be appended.
 */
import { assert, type Logger, type LogFields } from '@millrace/base';
import type { PartitionLog } from '@millrace/storage';
import { type Divergence, truncationOffset } from './divergence.js';

export interface LogCutOptions {
  readonly log: PartitionLog;
  readonly logger: Logger;
  /** What the log lines say of the partition. */
  readonly facts: () => LogFields;
  /** The log is about to end here, so what lies behind may count as committed no more; told again when it is done. */
  readonly endsAt: (endOffset: number) => void;
}

export class LogCut {
  readonly #options: LogCutOptions;
  #underWay: Promise<void> | undefined;

  constructor(options: LogCutOptions) {
    this.#options = options;
  }

  /** Undefined while nothing is being cut. Never rejects. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay;
  }

  /**
   * Where the log left the leader's. Returns false when the leader's answer would cut nothing. What lies below the high
   * watermark is cut too where the leader says so: it was led by one that was elected uncleanly, and people should know.
   */
  async at(divergence: Divergence, highWatermark: number): Promise<boolean> {
    const { log, logger, facts } = this.#options;
    const offset = truncationOffset(log, divergence);
    if (offset >= log.endOffset) return false;
    const fields = { ...facts(), from: log.endOffset, to: offset, divergingEpoch: divergence.leaderEpoch };
    if (offset < highWatermark) {
      logger.warn('cutting a replica below its high watermark: the leader has other records there', {
        ...fields,
        highWatermark,
      });
    } else {
      logger.info('cutting a replica where it left its leader', fields);
    }
    this.#options.endsAt(offset);
    await this.#run(() => (offset < log.startOffset ? log.resetTo(offset) : log.truncateTo(offset)));
    return true;
  }

  /** Begins anew at the leader's log start, where this log has nothing that the leader still has. */
  async all(logStartOffset: number): Promise<void> {
    const { log, logger, facts } = this.#options;
    const { startOffset, endOffset } = log;
    assert(
      logStartOffset > endOffset || startOffset === endOffset,
      'a log that the leader has a part of is not thrown away',
    );
    logger.warn('replica begins anew: the leader has deleted all that it holds', {
      ...facts(),
      end: endOffset,
      to: logStartOffset,
    });
    await this.#run(() => log.resetTo(logStartOffset));
  }

  #run(cut: () => Promise<void>): Promise<void> {
    assert(this.#underWay === undefined, 'a log is cut once at a time');
    const work = cut();
    const settled = (): void => {
      this.#underWay = undefined;
      this.#options.endsAt(this.#options.log.endOffset);
    };
    this.#underWay = work.then(settled, settled);
    return this.#underWay.then(() => work);
  }
}
