/**
 * Patterns of topic names: text, `?` one character, `*` any, `[a-z_]` and `[^...]` one of a set, `{one,two}` one of several
 * texts without other signs, `\` before a sign that is meant as it is. A pattern matches a whole name.
 *
 * Matching takes time in proportion to pattern times name, whatever the two are: all places in the pattern that the
 * name so far can have led to are kept as one set, and nothing is ever tried twice. So a pattern of a client cannot
 * keep a node busy.
 */
import { protocolError } from '@millrace/protocol';

/** Of a pattern that is refused. */
const maxUnitsTold = 200;

/** Parts of a pattern once its alternatives are written out. */
const maxSteps = 4096;

type Test = (unit: string) => boolean;

/** What the name must have at one place; `from` any number of characters that pass. */
interface Step {
  readonly test: Test;
  readonly repeats: boolean;
  readonly next: readonly number[];
}

export interface TopicPattern {
  /** From part to part: in proportion to the length of the text, and so is the time that one sign of a name takes. */
  readonly linkCount: number;
  matches(name: string): boolean;
}

/** Throws `INVALID_REGULAR_EXPRESSION` that says what is wrong and where. */
export function topicPattern(pattern: string): TopicPattern {
  const { steps, first } = new Compiler(pattern).compile();
  const linkCount = steps.reduce((sum, { next }) => sum + next.length, first.length);
  return { linkCount, matches: (name) => matches(steps, first, name) };
}

const end = -1;

function matches(steps: readonly Step[], first: readonly number[], name: string): boolean {
  let places = closure(steps, first);
  for (const unit of name) {
    const reached: number[] = [];
    for (const place of places) {
      const step = steps[place];
      if (step?.test(unit) !== true) continue;
      if (step.repeats) reached.push(place);
      else reached.push(...step.next);
    }
    places = closure(steps, reached);
    if (places.size === 0) return false;
  }
  return places.has(end);
}

/** A step that repeats may also be passed over. */
function closure(steps: readonly Step[], start: readonly number[]): Set<number> {
  const places = new Set(start);
  for (const place of places) {
    const step = steps[place];
    if (step?.repeats === true) for (const next of step.next) places.add(next);
  }
  return places;
}

class Compiler {
  readonly #units: readonly string[];
  readonly #steps: { test: Test; repeats: boolean; next: number[] }[] = [];
  #position = 0;
  /** Links that lead to whatever comes next. */
  #open: number[][] = [];

  constructor(pattern: string) {
    this.#units = [...pattern];
  }

  compile(): { steps: readonly Step[]; first: readonly number[] } {
    const first: number[] = [];
    this.#open = [first];
    while (this.#position < this.#units.length) this.#part();
    for (const link of this.#open) link.push(end);
    return { steps: this.#steps, first };
  }

  #part(): void {
    const unit = this.#take();
    if (unit === '*') this.#add(() => true, true);
    else if (unit === '?') this.#add(() => true);
    else if (unit === '[') this.#add(this.#set());
    else if (unit === '{') this.#alternatives();
    else if (unit === ']' || unit === '}') this.#refuse(`has a '${unit}' that nothing opened`);
    else this.#literal(unit === '\\' ? this.#escaped() : unit);
  }

  #literal(unit: string): void {
    this.#add((one) => one === unit);
  }

  /** Continues at all open links. */
  #add(test: Test, repeats = false): void {
    const index = this.#steps.length;
    if (index >= maxSteps) this.#refuse('is too long');
    const next: number[] = [];
    this.#steps.push({ test, repeats, next });
    for (const link of this.#open) link.push(index);
    this.#open = [next];
  }

  #alternatives(): void {
    const start = this.#open;
    const ends: number[][] = [];
    this.#open = start;
    for (;;) {
      const unit = this.#take();
      if (unit === ',' || unit === '}') {
        ends.push(...this.#open);
        this.#open = start;
        if (unit === '}') break;
      } else if (unit === '\\') this.#literal(this.#escaped());
      else if ('*?[{'.includes(unit)) this.#refuse(`has a '${unit}' between { and }, where only text may be`);
      else this.#literal(unit);
    }
    this.#open = [...new Set(ends)];
    // They come together in one place, or what follows would be linked with each of them: many times many.
    this.#add(() => false, true);
  }

  #set(): Test {
    const isNegated = this.#units[this.#position] === '^';
    if (isNegated) this.#position += 1;
    const ranges: (readonly [string, string])[] = [];
    for (;;) {
      const unit = this.#take();
      if (unit === ']') break;
      const from = unit === '\\' ? this.#escaped() : unit;
      if (this.#units[this.#position] === '-' && this.#units[this.#position + 1] !== ']') {
        this.#position += 1;
        const unitTo = this.#take();
        const to = unitTo === '\\' ? this.#escaped() : unitTo;
        if (to < from) this.#refuse(`has the range ${from}-${to}, which is the wrong way round`);
        ranges.push([from, to]);
      } else ranges.push([from, from]);
    }
    if (ranges.length === 0) this.#refuse('has an empty set []');
    return (unit) => ranges.some(([from, to]) => unit >= from && unit <= to) !== isNegated;
  }

  #escaped(): string {
    return this.#take();
  }

  #take(): string {
    const unit = this.#units[this.#position];
    if (unit === undefined) this.#refuse('ends too early');
    this.#position += 1;
    return unit;
  }

  #refuse(what: string): never {
    const pattern = this.#units.slice(0, maxUnitsTold).join('');
    throw protocolError(
      'INVALID_REGULAR_EXPRESSION',
      `The pattern ${JSON.stringify(pattern)} ${what} (at character ${this.#position}).`,
    );
  }
}
