/**
 * The disk of one simulated replica: what survives a power cut.
 *
 * Operations wait in `#pending` until a sync covers them. A power cut keeps a random first part of those that wait, and
 * the hard state and the log, which are different files, stop at different places.
 */
import type { RandomStream } from '@millrace/base';
import { LogView } from '../../src/core/log-view.js';
import type { StorageOperation } from '../../src/core/effects.js';
import type { DurableState, HardState } from '../../src/durable-state.js';
import type { Membership } from '../../src/membership.js';
import type { LogStart } from '../../src/snapshot.js';

export class SimulatedReplicaDisk {
  hardState: HardState = { term: 0, vote: undefined };
  start: LogStart;
  readonly log: LogView;
  /** By position; written by the state machine, or installed. */
  readonly snapshots = new Map<number, Uint8Array>();
  #receiving: Uint8Array = new Uint8Array(0);
  #pending: { readonly token: number; readonly operation: StorageOperation }[] = [];

  constructor(membership: Membership) {
    this.start = { position: 0, term: 0, membership };
    this.log = new LogView(this.start, []);
  }

  write(operations: readonly StorageOperation[], token: number): void {
    for (const operation of operations) this.#pending.push({ token, operation });
  }

  sync(token: number): void {
    let count = 0;
    for (const pending of this.#pending) {
      if (pending.token > token) break;
      this.#apply(pending.operation);
      count += 1;
    }
    this.#pending.splice(0, count);
  }

  /** The power goes. Returns how many operations were lost. */
  crash(random: RandomStream): number {
    const pending = this.#pending.map(({ operation }) => operation);
    this.#pending = [];
    this.#receiving = new Uint8Array(0);
    const promises = pending.filter(({ kind }) => kind === 'hardState');
    const rest = pending.filter(({ kind }) => kind !== 'hardState');
    const keptPromises = random.integer(0, promises.length + 1);
    const kept = random.integer(0, rest.length + 1);
    for (const operation of promises.slice(0, keptPromises)) this.#apply(operation);
    for (const operation of rest.slice(0, kept)) this.#apply(operation);
    this.#receiving = new Uint8Array(0);
    return pending.length - keptPromises - kept;
  }

  load(): DurableState {
    const position = Math.max(-1, ...this.snapshots.keys());
    return {
      hardState: this.hardState,
      start: this.start,
      entries: this.log.entries(this.log.start),
      snapshot: position === -1 ? undefined : { position, sizeBytes: this.snapshots.get(position)?.length ?? 0 },
    };
  }

  #apply(operation: StorageOperation): void {
    switch (operation.kind) {
      case 'hardState':
        this.hardState = operation.hardState;
        break;
      case 'append':
        for (const entry of operation.entries) this.log.append(entry);
        break;
      case 'truncate':
        this.log.truncateTo(operation.end);
        break;
      case 'advanceStart':
        this.start = operation.start;
        this.log.advanceStart(operation.start.position);
        break;
      case 'receiveSnapshot':
        if (operation.offset === 0) this.#receiving = new Uint8Array(0);
        this.#receiving = Buffer.concat([this.#receiving, operation.chunk]);
        break;
      case 'installSnapshot': {
        const { position, term, membership } = operation.snapshot;
        for (const old of this.snapshots.keys()) this.snapshots.delete(old);
        this.snapshots.set(position, this.#receiving);
        this.#receiving = new Uint8Array(0);
        this.start = { position, term, membership };
        this.log.reset(this.start);
        break;
      }
    }
  }
}
