/**
 * A suite: one question, measured in rounds, and what its figures look like to people. `measure` gives plain data, which goes
 * into the JSON of the run; `present` makes a section out of that data alone, so a page can be written again without measuring.
 */
import type { Goal } from './report/goal.js';
import type { Plot } from './report/plot.js';
import type { Spread } from './report/statistics.js';

/** How much a run may take. */
export interface Scale {
  readonly isQuick: boolean;
  readonly rounds: number;
  /** The small figure of a quick run or the one of a full run. */
  readonly pick: <Value>(quick: Value, full: Value) => Value;
}

export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly value: Spread | string;
  readonly digits?: number;
}

export interface SectionTable {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A figure that says the same on another machine: what a later run is held against. */
export interface Ratio {
  readonly name: string;
  readonly value: Spread;
  readonly better: 'higher' | 'lower';
}

export interface Section {
  readonly figures?: readonly Figure[];
  readonly goals?: readonly Goal[];
  readonly tables?: readonly SectionTable[];
  readonly plots?: readonly Plot[];
  readonly ratios?: readonly Ratio[];
  /** Paragraphs in Markdown: what was done, and how to read it. */
  readonly notes?: string;
}

export interface Suite {
  /** What `--only` takes. */
  readonly name: string;
  readonly title: string;
  /** Left out of a run that does not name it, because it needs what is not always there or takes too long. */
  readonly isOnRequest: boolean;
  measure(scale: Scale): Promise<unknown>;
  present(figures: unknown): Section;
}

interface SuiteDefinition<Figures> {
  readonly name: string;
  readonly title: string;
  readonly isOnRequest?: boolean;
  readonly measure: (scale: Scale) => Promise<Figures>;
  readonly present: (figures: Figures) => Section;
}

/** Figures are plain data on their way through the file, and have the type with which they were measured. */
export function defineSuite<Figures>({ measure, present, ...rest }: SuiteDefinition<Figures>): Suite {
  return { isOnRequest: false, ...rest, measure, present: (figures) => present(figures as Figures) };
}

export function scaleOf(isQuick: boolean, rounds = isQuick ? 3 : 5): Scale {
  return { isQuick, rounds, pick: (quick, full) => (isQuick ? quick : full) };
}
