/**
 * Compares an index with the batches of its log, seen one after another: each entry must stand for one of them, and
 * entries ascend. An entry that no batch answers to is told with its place in the index file.
 */
import type { BatchView } from '@millrace/record';
import type { IndexLayout } from '../segment/sparse-index.js';
import type { FoundProblem } from './batches-of.js';

export interface WalkedIndex {
  readonly layout: IndexLayout;
  readonly bytes: Buffer;
  /** Whether an entry speaks of this batch, of an earlier one (so none did), or of a later one. */
  compare(entry: { readonly key: number; readonly value: number }, batch: BatchView, position: number): Verdict;
}

export type Verdict = 'this' | 'earlier' | 'later';

export class IndexWalk {
  readonly #index: WalkedIndex;
  readonly #problems: FoundProblem[] = [];
  #position = 0;

  constructor(index: WalkedIndex) {
    this.#index = index;
    this.#checkOrder();
  }

  /** The next batch of the log. */
  pass(batch: BatchView, position: number): void {
    const { layout, bytes } = this.#index;
    while (this.#position + layout.entryBytes <= bytes.length) {
      const verdict = this.#index.compare(this.#entry(this.#position), batch, position);
      if (verdict === 'later') return;
      if (verdict === 'earlier') this.#report('an entry that no batch answers to');
      this.#position += layout.entryBytes;
    }
  }

  /** After the last batch: what was found wrong, in the order of the file. */
  problems(): readonly FoundProblem[] {
    const { layout, bytes } = this.#index;
    for (; this.#position + layout.entryBytes <= bytes.length; this.#position += layout.entryBytes) {
      this.#report('an entry past the end of the log');
    }
    return this.#problems.sort((a, b) => a.position - b.position);
  }

  #checkOrder(): void {
    const { layout, bytes } = this.#index;
    const rest = bytes.length % layout.entryBytes;
    if (rest !== 0) this.#problems.push({ position: bytes.length - rest, problem: 'part of an entry' });
    for (
      let position = layout.entryBytes;
      position + layout.entryBytes <= bytes.length;
      position += layout.entryBytes
    ) {
      const before = this.#entry(position - layout.entryBytes);
      const entry = this.#entry(position);
      if (entry.key > before.key && entry.value > before.value) continue;
      this.#problems.push({ position, problem: 'an entry that is not above the one before it' });
    }
  }

  #report(problem: string): void {
    this.#problems.push({ position: this.#position, problem });
  }

  #entry(position: number): { readonly key: number; readonly value: number } {
    const { layout, bytes } = this.#index;
    return { key: layout.readKey(bytes, position), value: layout.readValue(bytes, position) };
  }
}
