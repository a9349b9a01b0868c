/**
 * When this node of a quorum decides: from when it leads, until it does not any more.
 *
 *     follows --leads--> awaits voters, before there is a cluster --> opens --> decides --leads no more--> closes, follows
 *                                                              \--cannot--> hands the leadership on
 */
import { type Clock, errorMessage, type Logger, type Timer } from '@millrace/base';
import type { Leadership } from '@millrace/raft';
import type { ActiveController, ControllerHostOptions } from '../active-controller.js';
import type { MetadataImage } from '../image/metadata-image.js';
import type { MetadataQuorum } from './metadata-quorum.js';
import { RaftMetadataLog } from './raft-metadata-log.js';

export interface TermOfOfficeOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly quorum: MetadataQuorum;
  readonly maxEntryBytes: number;
  readonly image: () => MetadataImage;
  readonly open: (host: Pick<ControllerHostOptions, 'log' | 'base'>) => ActiveController;
  readonly formation: () => { readonly clusterId: string; readonly isExpected: boolean };
  readonly lostReason: (cause: unknown) => Error;
  /** It decides from now on. */
  readonly onOpened: () => void;
  readonly onFailed: (error: unknown) => void;
}

/** While a cluster is being formed. */
const formationCheckMs = 50;
const formationWaitMs = 10_000;

export class TermOfOffice {
  readonly #options: TermOfOfficeOptions;
  /** Set for as long as this node decides. */
  #active: ActiveController | undefined;
  /** Ends of terms that were not waited for yet. */
  #closing: Promise<unknown> = Promise.resolve();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: TermOfOfficeOptions) {
    this.#options = options;
  }

  get active(): ActiveController | undefined {
    return this.#active;
  }

  onLeadership({ role, term }: Pick<Leadership, 'role' | 'term'>): void {
    this.#timer?.cancel();
    if (this.#active !== undefined) {
      this.#closing = Promise.allSettled([this.#closing, this.#active.close()]);
      this.#active = undefined;
    }
    if (role === 'leader' && !this.#isClosed) this.#lead(term);
  }

  /** No further term begins. */
  stop(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async closed(): Promise<void> {
    await Promise.allSettled([this.#active?.close(), this.#closing]);
  }

  #lead(term: number, waitedMs = 0): void {
    const { clock, logger, quorum, maxEntryBytes, lostReason, open, formation, onOpened, onFailed } = this.#options;
    if (quorum.leadership.term !== term || quorum.leadership.role !== 'leader') return;
    const { driver, follower } = quorum;
    if (driver === undefined || this.#awaitsVoters(waitedMs)) {
      this.#timer = clock.schedule(formationCheckMs, () => {
        this.#lead(term, waitedMs + formationCheckMs);
      });
      return;
    }
    const log = new RaftMetadataLog({ driver, maxEntryBytes, followed: () => follower.position, lostReason });
    const active = open({ log, base: () => ({ state: follower.image, position: follower.position }) });
    this.#active = active;
    const opened = active.open(formation()).then(() => {
      onOpened();
    });
    opened.catch((error: unknown) => {
      if (this.#active !== active || this.#isClosed) return;
      logger.error('This node leads the quorum and cannot act as the controller', {
        term,
        reason: errorMessage(error),
      });
      // Another node may be able to.
      driver.transferLeadership().catch((failure: unknown) => {
        onFailed(failure);
      });
    });
  }

  /**
   * What a new cluster acknowledges must not rest on the first of its voters alone, and must outlive the loss of one. All of
   * them were there a moment ago; should one be gone again, a majority does.
   */
  #awaitsVoters(waitedMs: number): boolean {
    const { quorum, image } = this.#options;
    if (image().clusterId !== undefined) return false;
    const count = quorum.membership.voters.length;
    return count < quorum.majority || (count < quorum.voterCount && waitedMs < formationWaitMs);
  }
}
