/**
 * How a cluster begins, once and in one place.
 *
 * Of the configured voters only the one with the lowest id may form a cluster, and only when each of the others has said
 * that it has never been part of one. It begins as the only voter and adds the others as they ask for the log. The
 * others never form anything: they ask, and wait.
 *
 * Why all of the others, and not most: the one that asks may have lost its own disk. Any of the others may then be the
 * only one that remembers the cluster.
 *
 * The question is Raft's own "let me follow"; a replica that has never heard of a cluster answers in term 0.
 */
import type { Clock, Logger, Timer } from '@millrace/base';
import { completion } from '@millrace/base';
import type { RaftMessage, RaftTransport, ReplicaKey } from '@millrace/raft';

export interface FormationOptions {
  readonly self: ReplicaKey;
  readonly voterIds: readonly number[];
  readonly transport: RaftTransport;
  readonly clock: Clock;
  readonly logger: Logger;
}

const askIntervalMs = 250;
const logEveryRounds = 40;

export class ClusterFormation {
  readonly #options: FormationOptions;
  readonly #others: readonly number[];
  readonly #empty = new Set<number>();
  readonly #outcome = completion<'form' | 'join'>();
  #timer: Timer | undefined;
  #rounds = 0;

  constructor(options: FormationOptions) {
    this.#options = options;
    this.#others = options.voterIds.filter((id) => id !== options.self.id);
  }

  /** What this replica, whose directory is empty, is to do; resolves with `join` when it is cancelled. */
  decide(): Promise<'form' | 'join'> {
    const { self, voterIds, transport } = this.#options;
    if (self.id !== Math.min(...voterIds)) return Promise.resolve('join');
    transport.onMessage = (message) => {
      this.#receive(message);
    };
    this.#ask();
    return this.#outcome.promise;
  }

  cancel(): void {
    this.#end('join');
  }

  #ask(): void {
    const { self, transport, clock, logger } = this.#options;
    const missing = this.#others.filter((id) => !this.#empty.has(id));
    if (missing.length === 0) {
      this.#end('form');
      return;
    }
    if (this.#rounds % logEveryRounds === 0) logger.info('Waiting for all voters, to form a cluster', { missing });
    this.#rounds += 1;
    for (const id of missing) {
      transport.send(id, { type: 'follow', from: self, to: { id, directoryId: '' }, term: 0, end: 0, lastTerm: 0 });
    }
    this.#timer = clock.schedule(askIntervalMs, () => {
      this.#ask();
    });
  }

  #receive(message: RaftMessage): void {
    const { type, from, to, term } = message;
    if (to.id !== this.#options.self.id) return;
    // Another one that has nothing yet and asks.
    if (type === 'follow' && term === 0) return;
    const isEmpty = type === 'followAnswer' && term === 0 && message.leader === null;
    if (!isEmpty) {
      this.#end('join');
      return;
    }
    this.#empty.add(from.id);
    if (this.#others.every((id) => this.#empty.has(id))) this.#end('form');
  }

  #end(outcome: 'form' | 'join'): void {
    this.#timer?.cancel();
    if (this.#outcome.isSettled) return;
    this.#options.transport.onMessage = undefined;
    this.#outcome.resolve(outcome);
  }
}
