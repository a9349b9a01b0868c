/**
 * The leader makes voters of the configured nodes that follow it without a vote. One at a time, and never in place of
 * another: where a voter of the same id has another directory, the disk was lost or swapped, and what it promised with
 * it. An operator removes the old voter first.
 */
import { type Clock, errorMessage, type Logger, type Timer } from '@millrace/base';
import type { RaftDriver, RaftMessage, ReplicaKey } from '@millrace/raft';

export interface VoterAdmissionOptions {
  readonly driver: () => RaftDriver | undefined;
  readonly voterIds: readonly number[];
  readonly clock: Clock;
  readonly logger: Logger;
}

const retryMs = 1000;

export class VoterAdmission {
  readonly #options: VoterAdmissionOptions;
  /** Who asked to follow, by id: at most the configured voters. */
  readonly #asking = new Map<number, ReplicaKey>();
  #isAdding = false;
  #timer: Timer | undefined;

  constructor(options: VoterAdmissionOptions) {
    this.#options = options;
  }

  onMessage({ type, from }: RaftMessage): void {
    const { driver, voterIds, logger } = this.#options;
    if (type !== 'follow' || !voterIds.includes(from.id)) return;
    const leader = driver();
    if (leader?.leadership.role !== 'leader') return;
    const voter = leader.membership.voters.find(({ id }) => id === from.id);
    if (voter !== undefined && voter.directoryId !== from.directoryId) {
      logger.warn('A voter came back with another directory and gets no vote; remove the old voter first', {
        nodeId: from.id,
        directoryId: from.directoryId,
        voterDirectoryId: voter.directoryId,
      });
    } else if (voter === undefined) {
      this.#asking.set(from.id, from);
      this.#addNext();
    }
  }

  close(): void {
    this.#timer?.cancel();
    this.#asking.clear();
  }

  #addNext(): void {
    const { driver, logger, clock } = this.#options;
    const leader = driver();
    if (this.#isAdding || leader?.leadership.role !== 'leader') return;
    const [next] = this.#asking.values();
    if (next === undefined) return;
    this.#isAdding = true;
    this.#asking.delete(next.id);
    leader
      .addVoter(next)
      .then(() => {
        logger.info('A node votes from now on', { nodeId: next.id, directoryId: next.directoryId });
      })
      .catch((error: unknown) => {
        logger.warn('A node could not be made a voter yet', { nodeId: next.id, reason: errorMessage(error) });
        if (driver()?.leadership.role === 'leader') this.#asking.set(next.id, next);
      })
      .finally(() => {
        this.#isAdding = false;
        this.#timer?.cancel();
        if (this.#asking.size === 0) return;
        this.#timer = clock.schedule(retryMs, () => {
          this.#addNext();
        });
      });
  }
}
