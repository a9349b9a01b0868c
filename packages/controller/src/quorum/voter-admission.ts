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

const retryMs = 500;

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
    const { voterIds, logger } = this.#options;
    const leader = this.#leader();
    if (type !== 'follow' || !voterIds.includes(from.id) || leader === undefined) return;
    const voter = voterOf(leader, from.id);
    if (voter?.directoryId === from.directoryId) return;
    if (voter !== undefined && this.#asking.get(from.id)?.directoryId !== from.directoryId) {
      logger.warn('A voter came back with another directory and gets no vote; remove the old voter first', {
        nodeId: from.id,
        directoryId: from.directoryId,
        voterDirectoryId: voter.directoryId,
      });
    }
    this.#asking.set(from.id, from);
    this.#addNext();
  }

  close(): void {
    this.#timer?.cancel();
    this.#asking.clear();
  }

  #addNext(): void {
    const leader = this.#leader();
    if (leader === undefined) this.#asking.clear();
    if (this.#isAdding || leader === undefined) return;
    const next = [...this.#asking.values()].find(({ id }) => voterOf(leader, id) === undefined);
    if (next === undefined) this.#addLater();
    else this.#add(leader, next);
  }

  #add(leader: RaftDriver, next: ReplicaKey): void {
    const { logger } = this.#options;
    this.#isAdding = true;
    leader
      .addVoter(next)
      .then(() => {
        logger.info('A node votes from now on', { nodeId: next.id, directoryId: next.directoryId });
        if (this.#asking.get(next.id) === next) this.#asking.delete(next.id);
        this.#isAdding = false;
        this.#addNext();
      })
      .catch((error: unknown) => {
        logger.warn('A node could not be made a voter yet', { nodeId: next.id, reason: errorMessage(error) });
        this.#isAdding = false;
        this.#addLater();
      });
  }

  /** Those who wait follow by now, and ask no more. */
  #addLater(): void {
    this.#timer?.cancel();
    if (this.#asking.size === 0) return;
    this.#timer = this.#options.clock.schedule(retryMs, () => {
      this.#addNext();
    });
  }

  #leader(): RaftDriver | undefined {
    const driver = this.#options.driver();
    return driver?.leadership.role === 'leader' ? driver : undefined;
  }
}

function voterOf({ membership }: RaftDriver, nodeId: number): ReplicaKey | undefined {
  return membership.voters.find(({ id }) => id === nodeId);
}
