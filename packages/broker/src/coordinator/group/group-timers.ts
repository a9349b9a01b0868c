/**
 * When members run out of time: whoever is silent for the session timeout, and whoever does not give up within its
 * rebalance timeout what others wait for. No timers of its own: it is asked at every tick.
 *
 * All sessions are equally long, so a map in the order of the last sign of life is in the order of the deadlines too: a
 * sign of life costs one move to the end, a tick looks at those that are due.
 */
export interface DueMember {
  readonly group: string;
  readonly memberId: string;
  /** Undefined: its session is over; else it was to give up under this epoch. */
  readonly revokingEpoch: number | undefined;
}

interface Session {
  readonly group: string;
  readonly memberId: string;
  deadlineMs: number;
}

interface Revocation {
  readonly group: string;
  readonly memberId: string;
  readonly epoch: number;
  readonly deadlineMs: number;
}

export class GroupTimers {
  readonly #sessionTimeoutMs: number;
  readonly #sessions = new Map<string, Session>();
  /** Few at any time. */
  readonly #revocations = new Map<string, Revocation>();

  constructor(sessionTimeoutMs: number) {
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  /** A sign of life, counted with `isNew` false only of a member that is known already. Returns whether it is. */
  touch(group: string, memberId: string, nowMs: number, { isNew }: { readonly isNew: boolean }): boolean {
    const key = keyOf(group, memberId);
    const known = this.#sessions.delete(key);
    if (known || isNew) this.#sessions.set(key, { group, memberId, deadlineMs: nowMs + this.#sessionTimeoutMs });
    return known;
  }

  /** It has to give up partitions under this epoch; the time began when it was first told so. */
  revoking(group: string, memberId: string, { epoch, deadlineMs }: { epoch: number; deadlineMs: number }): void {
    const key = keyOf(group, memberId);
    if (this.#revocations.get(key)?.epoch === epoch) return;
    this.#revocations.set(key, { group, memberId, epoch, deadlineMs });
  }

  notRevoking(group: string, memberId: string): void {
    this.#revocations.delete(keyOf(group, memberId));
  }

  forget(group: string, memberId: string): void {
    this.#sessions.delete(keyOf(group, memberId));
    this.#revocations.delete(keyOf(group, memberId));
  }

  /** Each is named once; `again` brings back one that could not be dealt with. */
  takeDue(nowMs: number): DueMember[] {
    const due: DueMember[] = [];
    for (const [key, { group, memberId, deadlineMs }] of this.#sessions) {
      if (deadlineMs > nowMs) break;
      this.#sessions.delete(key);
      due.push({ group, memberId, revokingEpoch: undefined });
    }
    for (const [key, { group, memberId, epoch, deadlineMs }] of this.#revocations) {
      if (deadlineMs > nowMs) continue;
      this.#revocations.delete(key);
      due.push({ group, memberId, revokingEpoch: epoch });
    }
    return due;
  }

  again({ group, memberId, revokingEpoch }: DueMember, nowMs: number): void {
    const key = keyOf(group, memberId);
    if (revokingEpoch !== undefined)
      this.#revocations.set(key, { group, memberId, epoch: revokingEpoch, deadlineMs: nowMs });
    else if (!this.#sessions.has(key))
      this.#sessions.set(key, { group, memberId, deadlineMs: nowMs + this.#sessionTimeoutMs });
  }
}

function keyOf(group: string, memberId: string): string {
  return `${memberId}\n${group}`;
}
