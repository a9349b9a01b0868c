/**
 * The in-sync set of one partition as its leader knows it, through one leadership.
 *
 *     settled --propose--> in flight --accepted, or a newer partition epoch seen--> settled
 *                             |----refused: surely not applied-------------------> settled, as before
 *                             `----unknown: lost, timed out-----> in doubt --propose--> in flight ...
 *
 * The controller alone changes the set, as compare-and-set on the partition epoch. From the moment in which a change is
 * proposed until its fate is known it may be in force; so the leader goes by the maximal set, the union of what is
 * committed and of all that may be. A proposal whose answer was lost can be applied as long as the partition epoch that it
 * was made for is the current one, however late that is: it stays in doubt until a newer epoch is seen.
 *
 * Invariants: one proposal in flight at most; `maximal` holds `isr`; `partitionEpoch` only grows.
 */
import { assert } from '@millrace/base';

export interface CommittedInSyncSet {
  readonly isr: readonly number[];
  readonly partitionEpoch: number;
}

/** A change on its way to the controller. */
export interface InSyncProposal {
  /** The partition epoch that it is made for. */
  readonly partitionEpoch: number;
  readonly isr: readonly number[];
}

export class InSyncSet {
  #isr: readonly number[];
  #partitionEpoch: number;
  #inFlight: InSyncProposal | undefined;
  /** Proposals for the current partition epoch whose fate is not known, and that would let somebody in. */
  #inDoubt: readonly InSyncProposal[] = [];
  /** Follows the fields above. */
  #maximal: readonly number[];

  constructor({ isr, partitionEpoch }: CommittedInSyncSet) {
    this.#isr = isr;
    this.#partitionEpoch = partitionEpoch;
    this.#maximal = isr;
  }

  /** As the controller committed it. */
  get isr(): readonly number[] {
    return this.#isr;
  }

  get partitionEpoch(): number {
    return this.#partitionEpoch;
  }

  /** All that may be in the set now, by the controller's knowledge. */
  get maximal(): readonly number[] {
    return this.#maximal;
  }

  get isInFlight(): boolean {
    return this.#inFlight !== undefined;
  }

  /** Whether somebody may or may not be in the set, and nobody is asking. */
  get isInDoubt(): boolean {
    return this.#inDoubt.length > 0 && this.#inFlight === undefined;
  }

  propose(isr: readonly number[]): InSyncProposal {
    assert(this.#inFlight === undefined, 'one change of an in-sync set is in flight at a time');
    this.#inFlight = { partitionEpoch: this.#partitionEpoch, isr };
    this.#unite();
    return this.#inFlight;
  }

  /** What the controller committed, from whichever side it is heard. Returns whether it is news. */
  adopt({ isr, partitionEpoch }: CommittedInSyncSet): boolean {
    if (partitionEpoch <= this.#partitionEpoch) return false;
    this.#isr = isr;
    this.#partitionEpoch = partitionEpoch;
    this.#inFlight = undefined;
    this.#inDoubt = [];
    this.#unite();
    return true;
  }

  /** The controller said no, and looked at the partition in the state that the proposal was made for. */
  refused(proposal: InSyncProposal): void {
    if (this.#inFlight !== proposal) return;
    this.#inFlight = undefined;
    this.#unite();
  }

  /** Nobody knows whether it was applied, or will be. */
  unknown(proposal: InSyncProposal): void {
    if (this.#inFlight !== proposal) return;
    this.#inFlight = undefined;
    const isKnown = this.#inDoubt.some(({ isr }) => isSameSet(isr, proposal.isr));
    const letsIn = proposal.isr.some((member) => !this.#isr.includes(member));
    if (letsIn && !isKnown) this.#inDoubt = [...this.#inDoubt, proposal];
    this.#unite();
  }

  #unite(): void {
    const possible = this.#inFlight === undefined ? this.#inDoubt : [...this.#inDoubt, this.#inFlight];
    this.#maximal =
      possible.length === 0 ? this.#isr : [...new Set([...this.#isr, ...possible.flatMap(({ isr }) => isr)])];
  }
}

export function isSameSet(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((member) => b.includes(member));
}
