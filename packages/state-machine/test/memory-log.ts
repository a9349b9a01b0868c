import type { CommittedLog } from '@millrace/state-machine';

interface Waiter {
  readonly position: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** A committed log whose commits, failures and losses the test decides. Committed entries are never lost. */
export class MemoryLog implements CommittedLog<number> {
  startPosition = 0;
  committedPosition = 0;
  /** Commit as soon as appended. */
  isEager = false;
  /** The next append throws; with `true`, after the entries are in. */
  failNextAppend: false | 'before' | 'after' = false;
  failReplay: Error | undefined;
  onLost: ((reason: unknown) => void) | undefined;
  #entries: number[] = [];
  #waiters: Waiter[] = [];

  get endPosition(): number {
    return this.startPosition + this.#entries.length;
  }

  get committedEntries(): number[] {
    return this.#entries.slice(0, this.committedPosition - this.startPosition);
  }

  append(entries: readonly number[]): number {
    const failure = this.failNextAppend;
    this.failNextAppend = false;
    if (failure === 'before') throw new Error('append failed');
    this.#entries.push(...entries);
    if (failure === 'after') throw new Error('append failed half way');
    if (this.isEager) this.commit(this.endPosition);
    return this.endPosition;
  }

  committed(position: number): Promise<void> {
    if (position <= this.committedPosition) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ position, resolve, reject });
    });
  }

  barrier(): Promise<void> {
    return this.committed(this.endPosition);
  }

  replay(from: number, apply: (entry: number, position: number) => void): Promise<number> {
    if (this.failReplay !== undefined) return Promise.reject(this.failReplay);
    // What is left uncommitted survived, so it counts from now on.
    this.commit(this.endPosition);
    this.#entries.slice(from - this.startPosition).forEach((entry, index) => {
      apply(entry, from + index);
    });
    return Promise.resolve(this.endPosition);
  }

  advanceStart(position: number): void {
    this.#entries.splice(0, Math.max(0, position - this.startPosition));
    this.startPosition = Math.max(this.startPosition, position);
  }

  commit(position: number): void {
    this.committedPosition = Math.max(this.committedPosition, position);
    const ready = this.#waiters.filter((waiter) => waiter.position <= this.committedPosition);
    this.#waiters = this.#waiters.filter((waiter) => waiter.position > this.committedPosition);
    for (const { resolve } of ready) resolve();
  }

  /** Leadership is lost: `keep` uncommitted entries survive, the others never happened. */
  lose(keep: number): void {
    const reason = new Error('leadership lost');
    this.onLost?.(reason);
    this.#entries.length = Math.min(this.#entries.length, this.committedPosition - this.startPosition + keep);
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const { reject } of waiters) reject(reason);
  }
}
