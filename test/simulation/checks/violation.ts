/** A promise that was broken. */
export interface Violation {
  /** As `docs/guarantees.md` names it. */
  readonly invariant: string;
  readonly text: string;
  /** The part of the history that shows it. */
  readonly evidence: readonly string[];
}

const evidenceMax = 12;

export function violation(invariant: string, text: string, evidence: readonly string[] = []): Violation {
  const more = evidence.length - evidenceMax;
  const shown = evidence.slice(0, evidenceMax);
  return { invariant, text, evidence: more > 0 ? [...shown, `and ${more} more`] : shown };
}
