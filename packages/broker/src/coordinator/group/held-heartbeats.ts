/**
 * Heartbeats that wait for news: one for each member at most. One ends when its group changes in a way that concerns the
 * member, when its time is over, when the member sends another, and when this node is the coordinator no more.
 */
import type { Clock, Timer } from '@millrace/base';

interface Held {
  readonly timer: Timer;
  readonly end: (isNews: boolean) => void;
}

interface HoldOptions {
  /** Number of the heartbeat. */
  readonly arrival: number;
  readonly maxWaitMs: number;
}

export class HeldHeartbeats {
  readonly #clock: Clock;
  /** By group, then by member. */
  readonly #groups = new Map<string, Map<string, Held>>();
  /** Number of the last heartbeat of a member that has a session here. */
  readonly #last = new Map<string, number>();
  #arrivals = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    let size = 0;
    for (const members of this.#groups.values()) size += members.size;
    return size;
  }

  /** A heartbeat came: the one before is not waited for any more. Returns its number. */
  arrived(group: string, memberId: string): number {
    this.end(group, memberId, false);
    this.#arrivals += 1;
    this.#last.set(keyOf(group, memberId), this.#arrivals);
    return this.#arrivals;
  }

  /** The member is gone. */
  forget(group: string, memberId: string): void {
    this.#last.delete(keyOf(group, memberId));
    this.end(group, memberId, true);
  }

  /** Resolves with whether there is, or may be, something new; at once where another heartbeat has come since. */
  hold(group: string, memberId: string, { arrival, maxWaitMs }: HoldOptions): Promise<boolean> {
    if (this.#last.get(keyOf(group, memberId)) !== arrival) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.#clock.schedule(maxWaitMs, () => {
        this.end(group, memberId, false);
      });
      const members = this.#groups.get(group) ?? new Map<string, Held>();
      this.#groups.set(group, members.set(memberId, { timer, end: resolve }));
    });
  }

  /** Members of a group whose heartbeats wait. */
  of(group: string): string[] {
    return [...(this.#groups.get(group)?.keys() ?? [])];
  }

  end(group: string, memberId: string, isNews: boolean): void {
    const members = this.#groups.get(group);
    const held = members?.get(memberId);
    if (members === undefined || held === undefined) return;
    members.delete(memberId);
    if (members.size === 0) this.#groups.delete(group);
    held.timer.cancel();
    held.end(isNews);
  }

  /** Whoever waits asks again, and learns what has become of the coordinator. */
  endAll(): void {
    for (const [group, members] of [...this.#groups]) {
      for (const memberId of [...members.keys()]) this.end(group, memberId, true);
    }
  }
}

function keyOf(group: string, memberId: string): string {
  return `${memberId}\n${group}`;
}
