/**
 * What of a replica's state is on its disk.
 *
 * Each change gets the next token. The driver makes the changes in order and reports, after a sync, the last token
 * that the sync covered. A message leaves when the token it waits for is synced, so that it never tells of something
 * that a crash can take back.
 *
 * Invariants: `syncedToken <= token`; `syncedEnd` is at most the end of the log, and a crash now leaves the log equal to the present one
 * at least up to there.
 */
import { assert } from '@millrace/base';
import { entryEnd } from '../entry.js';
import type { StorageOperation } from './effects.js';

export class Durability {
  #operations: StorageOperation[] = [];
  /** Appends and installs not synced yet: to where the log is durable once their token is. */
  #pendingEnds: { readonly token: number; end: number }[] = [];
  token = 0;
  syncedToken = 0;
  /** The change that wrote the present term and vote. */
  hardStateToken = 0;
  syncedEnd: number;

  constructor(syncedEnd: number) {
    this.syncedEnd = syncedEnd;
  }

  record(operation: StorageOperation): void {
    this.token += 1;
    this.#operations.push(operation);
    switch (operation.kind) {
      case 'hardState':
        this.hardStateToken = this.token;
        break;
      case 'append': {
        const last = operation.entries.at(-1);
        assert(last !== undefined, 'nothing is appended');
        this.#pendingEnds.push({ token: this.token, end: entryEnd(last) });
        break;
      }
      case 'truncate':
        // What an earlier append wrote past the cut is gone, also once that append is synced.
        this.syncedEnd = Math.min(this.syncedEnd, operation.end);
        for (const pending of this.#pendingEnds) pending.end = Math.min(pending.end, operation.end);
        break;
      case 'installSnapshot':
        this.syncedEnd = 0;
        this.#pendingEnds = [{ token: this.token, end: operation.snapshot.position }];
        break;
      case 'advanceStart':
      case 'receiveSnapshot':
        break;
    }
  }

  synced(token: number): void {
    assert(token <= this.token, `change ${token} is reported synced before it was made`);
    if (token <= this.syncedToken) return;
    this.syncedToken = token;
    for (let pending = this.#pendingEnds[0]; pending !== undefined && pending.token <= token;) {
      this.syncedEnd = Math.max(this.syncedEnd, pending.end);
      this.#pendingEnds.shift();
      pending = this.#pendingEnds[0];
    }
  }

  takeOperations(): StorageOperation[] {
    const operations = this.#operations;
    this.#operations = [];
    return operations;
  }
}
