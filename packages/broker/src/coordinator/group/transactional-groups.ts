/**
 * What the coordinator of groups knows of transactions in one partition that it leads, beside the state of the groups.
 *
 * - Which groups may have pending offsets of a producer, so that the end of its transaction need not look at all of them. Too
 *   many are harmless: one is noted before anything is appended for it.
 * - Guards. Whether a transaction is open is asked of its coordinator, and its end may arrive here before what rests on the
 *   answer is appended; that would then be pending for ever. So whoever asks takes a guard before, and appends only if
 *   no transaction of that producer has ended meanwhile.
 *
 *     take guard ─▶ ask the coordinator ─▶ guard unbroken? append
 *                        ▲ end of a transaction: breaks the guards of its producer
 */
import { type GroupsState, producerOf } from './group-state.js';

export interface TransactionGuard {
  readonly producerId: number;
  isBroken: boolean;
}

export class TransactionalGroups {
  readonly #groups = new Map<number, Set<string>>();
  readonly #guards = new Map<number, Set<TransactionGuard>>();

  /** The state was read from the log: it says which groups have something pending. */
  load(state: GroupsState): void {
    this.#groups.clear();
    for (const { group, pending } of state.values()) {
      for (const key of pending.keys()) this.note(producerOf(key), group);
    }
  }

  note(producerId: number, group: string): void {
    const groups = this.#groups.get(producerId);
    if (groups === undefined) this.#groups.set(producerId, new Set([group]));
    else groups.add(group);
  }

  groupsOf(producerId: number): readonly string[] {
    return [...(this.#groups.get(producerId) ?? [])];
  }

  /** Nothing that is committed is pending in the group any more. What is being appended counts on its guard. */
  forget(producerId: number, group: string): void {
    if (this.#guards.has(producerId)) return;
    const groups = this.#groups.get(producerId);
    groups?.delete(group);
    if (groups?.size === 0) this.#groups.delete(producerId);
  }

  guard(producerId: number): TransactionGuard {
    const guard = { producerId, isBroken: false };
    const guards = this.#guards.get(producerId);
    if (guards === undefined) this.#guards.set(producerId, new Set([guard]));
    else guards.add(guard);
    return guard;
  }

  release(guard: TransactionGuard): void {
    const guards = this.#guards.get(guard.producerId);
    guards?.delete(guard);
    if (guards?.size === 0) this.#guards.delete(guard.producerId);
  }

  /** A transaction of the producer has ended, or this partition is led by another node. */
  breakGuards(producerId?: number): void {
    for (const [id, guards] of this.#guards) {
      if (producerId !== undefined && id !== producerId) continue;
      for (const guard of guards) guard.isBroken = true;
    }
  }
}
