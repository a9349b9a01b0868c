/** The log against an array with one element per position. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LogView } from '../src/core/log-view.js';
import { entryEnd, type RaftEntry } from '../src/entry.js';
import { noMembership } from '../src/membership.js';

type Step =
  | { readonly kind: 'append'; readonly termStep: number; readonly count: number }
  | { readonly kind: 'truncate'; readonly share: number }
  | { readonly kind: 'advanceStart'; readonly share: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      termStep: fc.nat(2),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('advanceStart' as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
);

/** Entries as the log must hold them, and the term before the first. */
class Model {
  entries: RaftEntry[] = [];
  start = 0;
  startTerm = 0;

  get end(): number {
    const last = this.entries.at(-1);
    return last === undefined ? this.start : entryEnd(last);
  }

  get boundaries(): number[] {
    return [this.start, ...this.entries.map(entryEnd)];
  }

  /** One term for each position from the start on. */
  get terms(): number[] {
    return this.entries.flatMap(({ term, records }) => records.map(() => term));
  }

  termBefore(position: number): number | undefined {
    return position === this.start ? this.startTerm : this.terms[position - 1 - this.start];
  }

  pick(share: number): number {
    const { boundaries } = this;
    return boundaries[Math.min(Math.floor(share * boundaries.length), boundaries.length - 1)] ?? this.start;
  }
}

function apply(log: LogView, model: Model, action: Step): void {
  switch (action.kind) {
    case 'append': {
      const term = Math.max(log.lastTerm, 1) + action.termStep;
      const records = Array.from({ length: action.count }, () => new Uint8Array(1));
      const entry: RaftEntry = { position: log.end, term, kind: 'records', records };
      log.append(entry);
      model.entries.push(entry);
      break;
    }
    case 'truncate': {
      const end = model.pick(action.share);
      log.truncateTo(end);
      model.entries = model.entries.filter((entry) => entryEnd(entry) <= end);
      break;
    }
    case 'advanceStart': {
      const start = model.pick(action.share);
      model.startTerm = model.termBefore(start) ?? -1;
      log.advanceStart(start);
      model.entries = model.entries.filter((entry) => entry.position >= start);
      model.start = start;
      break;
    }
  }
}

describe('the log', () => {
  test('answers as an array of positions does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), fc.nat(8), (steps, hintTerm) => {
        const model = new Model();
        const log = new LogView({ position: 0, term: 0, membership: noMembership }, []);
        for (const action of steps) apply(log, model, action);
        expect([log.start, log.end]).toEqual([model.start, model.end]);
        expect(log.lastTerm).toBe(model.termBefore(model.end));
        for (let position = model.start - 2; position <= model.end + 2; position += 1) {
          const isInside = position >= model.start && position <= model.end;
          expect(log.termBefore(position)).toBe(isInside ? model.termBefore(position) : undefined);
          expect(log.entryAt(position)).toBe(model.entries.find((entry) => entry.position === position));
          if (!isInside) continue;
          expect(log.boundaryBefore(position)).toBe(Math.max(...model.boundaries.filter((at) => at <= position)));
          const matches = model.boundaries.filter((at) => at <= position && (model.termBefore(at) ?? 0) <= hintTerm);
          expect(log.lastMatch(position, hintTerm)).toBe(Math.max(model.start - 1, ...matches));
        }
        for (const from of model.boundaries) {
          expect(log.entries(from)).toEqual(model.entries.filter((entry) => entry.position >= from));
        }
      }),
      { numRuns: 200 },
    );
  });

  test('gives at least one entry, and no more bytes than asked for', () => {
    const log = new LogView({ position: 0, term: 0, membership: noMembership }, []);
    for (let count = 0; count < 4; count += 1) {
      log.append({ position: log.end, term: 1, kind: 'records', records: [new Uint8Array(100)] });
    }
    expect(log.entries(0, log.end, 1)).toHaveLength(1);
    expect(log.entries(0, log.end, 400)).toHaveLength(2);
    expect(log.entries(1, 3)).toHaveLength(2);
  });

  test('refuses what would break it', () => {
    const log = new LogView({ position: 5, term: 2, membership: noMembership }, []);
    const records = [new Uint8Array(1), new Uint8Array(1)];
    log.append({ position: 5, term: 3, kind: 'records', records });
    expect(() => log.append({ position: 8, term: 3, kind: 'records', records })).toThrow(/ends at 7/);
    expect(() => log.append({ position: 7, term: 2, kind: 'records', records })).toThrow(/after term 3/);
    expect(() => log.truncateTo(6)).toThrow(/through an entry/);
    expect(() => log.advanceStart(6)).toThrow(/through an entry/);
    expect(() => log.truncateTo(4)).toThrow(/is cut at 4/);
  });
});
