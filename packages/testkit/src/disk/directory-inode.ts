/**
 * One simulated directory: names that lead to files and directories.
 *
 * `entries` is what lookups see; `durable` is what is on the disk for certain; `unsynced` leads from one to the other.
 * A rename within one directory is one operation (journals keep it whole); one between directories is a link in one
 * and an unlink in the other, each durable with its own directory.
 */
import type { RandomStream } from '@millrace/base';
import type { Fate } from './crash-policy.js';
import type { FileInode } from './file-inode.js';

export type Inode = FileInode | DirectoryInode;

export type EntryOperation =
  | { readonly kind: 'link'; readonly sequence: number; readonly name: string; readonly inode: Inode }
  | { readonly kind: 'unlink'; readonly sequence: number; readonly name: string }
  | {
      readonly kind: 'rename';
      readonly sequence: number;
      readonly from: string;
      readonly to: string;
      readonly inode: Inode;
    };

export class DirectoryInode {
  readonly kind = 'directory';
  readonly number: number;
  readonly entries = new Map<string, Inode>();
  readonly #durable = new Map<string, Inode>();
  readonly #unsynced: EntryOperation[] = [];

  constructor(number: number) {
    this.number = number;
  }

  change(operation: EntryOperation): void {
    this.#unsynced.push(operation);
    apply(this.entries, operation);
  }

  /** As after a sync: for a disk that is being built. */
  addDurable(name: string, inode: Inode): void {
    this.entries.set(name, inode);
    this.#durable.set(name, inode);
  }

  makeDurable(beforeSequence: number): void {
    let count = 0;
    for (const operation of this.#unsynced) {
      if (operation.sequence >= beforeSequence) break;
      apply(this.#durable, operation);
      count += 1;
    }
    this.#unsynced.splice(0, count);
  }

  /** The entries after a power cut, sorted by name. `cutSequence`: where the journal of all entry operations ends. */
  entriesAfterCrash(fate: Fate, cutSequence: number, random: RandomStream): [string, Inode][] {
    const entries = new Map(this.#durable);
    // Half of the time with order, as a journal keeps it; half of the time each entry on its own.
    const isOrdered = fate === 'torn' || (fate === 'random' && random.integer(0, 2) === 0);
    for (const operation of this.#unsynced) {
      const isKept = isOrdered
        ? operation.sequence < cutSequence
        : fate === 'kept' || (fate === 'random' && random.integer(0, 2) === 0);
      if (isKept) apply(entries, operation);
    }
    return [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

function apply(entries: Map<string, Inode>, operation: EntryOperation): void {
  switch (operation.kind) {
    case 'link':
      entries.set(operation.name, operation.inode);
      break;
    case 'unlink':
      entries.delete(operation.name);
      break;
    case 'rename':
      entries.delete(operation.from);
      entries.set(operation.to, operation.inode);
  }
}
