/**
 * Notices that a peer is gone though its connection is not: a machine that lost its power, a network that was cut, a process that
 * was stopped. TCP alone would wait for many minutes, and messages without replies would go nowhere all that time.
 *
 *     idle --sent--> listening --nothing heard for `silentMs`--> asked --heard anything--> listening
 *       ^________________/  nothing is owed to us              \__ nothing for `answerMs` --> dead
 *
 * Costs two clock readings a message; a connection that nobody uses has no timer and asks nothing.
 */
import type { Clock } from '@millrace/base';
import type { DeadlineQueue, Expiring } from './deadline-queue.js';

/** Longer than a pause for garbage collection, and than a fetch usually waits for records. */
export const silentMs = 2000;
export const answerMs = 3000;

export interface KeepAliveOptions {
  readonly clock: Clock;
  readonly deadlines: DeadlineQueue;
  /** Whether replies are owed to us. */
  readonly isAwaiting: () => boolean;
  readonly ask: () => void;
  /** Called at most once. */
  readonly onDead: () => void;
}

export class KeepAlive implements Expiring {
  readonly #options: KeepAliveOptions;
  #state: 'idle' | 'listening' | 'asked' | 'closed' = 'idle';
  #deadlineMs = 0;
  #sentMs = 0;
  #heardMs: number;
  #askedMs = 0;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#heardMs = options.clock.monotonicMs();
  }

  get deadlineMs(): number {
    return this.#deadlineMs;
  }

  noteSent(): void {
    this.#sentMs = this.#options.clock.monotonicMs();
    if (this.#state === 'idle') this.#listen(this.#sentMs);
  }

  noteHeard(): void {
    this.#heardMs = this.#options.clock.monotonicMs();
  }

  close(): void {
    this.#options.deadlines.remove(this);
    this.#state = 'closed';
  }

  expire(): void {
    // After a pause of our own, what the peer has sent meanwhile is read first.
    this.#options.clock.nextTurn(() => {
      if (this.#state === 'listening') this.#judgeSilence();
      else if (this.#state === 'asked') this.#judgeAnswer();
    });
  }

  #judgeSilence(): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (!this.#options.isAwaiting() && this.#heardMs >= this.#sentMs) {
      this.#state = 'idle';
    } else if (nowMs - this.#heardMs < silentMs) {
      this.#listen(this.#heardMs);
    } else {
      this.#state = 'asked';
      this.#askedMs = nowMs;
      this.#wait(nowMs + answerMs);
      this.#options.ask();
    }
  }

  #judgeAnswer(): void {
    if (this.#heardMs >= this.#askedMs) {
      this.#listen(this.#heardMs);
    } else {
      this.#state = 'closed';
      this.#options.onDead();
    }
  }

  #listen(sinceMs: number): void {
    this.#state = 'listening';
    this.#wait(sinceMs + silentMs);
  }

  #wait(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
    this.#options.deadlines.add(this);
  }
}
