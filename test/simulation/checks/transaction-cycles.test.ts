import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { anomaliesOf, type ListTransaction } from './transaction-cycles.js';

const nobody = new Set<string>();

function kindsOf(committed: readonly ListTransaction[], lists: ReadonlyMap<number, readonly string[]>): string[] {
  return anomaliesOf({ committed, lists, aborted: nobody }).map(({ kind }) => kind);
}

describe('cycles of transactions', () => {
  test('property: each has read what another wrote in a circle, exactly when that is found', () => {
    const edges = fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { maxLength: 14 });
    fc.assert(
      fc.property(edges, (pairs) => {
        const count = 7;
        const reaches = Array.from({ length: count }, () => new Array<boolean>(count).fill(false));
        for (const [from, to] of pairs) if (from !== to) (reaches[from] as boolean[])[to] = true;
        for (let via = 0; via < count; via += 1) {
          for (let from = 0; from < count; from += 1) {
            for (let to = 0; to < count; to += 1) {
              if (reaches[from]?.[via] === true && reaches[via]?.[to] === true) (reaches[from] as boolean[])[to] = true;
            }
          }
        }
        const isCircle = reaches.some((row, index) => row[index]);
        const committed = reaches.map((_, id): ListTransaction => ({
          id: `t${id}`,
          writes: [{ list: id, value: `v${id}` }],
          reads: pairs.filter(([, to]) => to === id).map(([from]) => ({ list: from, value: `v${from}` })),
        }));
        const lists = new Map(reaches.map((_, id) => [id, [`v${id}`]]));
        expect(kindsOf(committed, lists).includes('G1c')).toBe(isCircle);
      }),
    );
  });

  test('property: whoever reads nothing but what was committed before it ends has no circle of reads', () => {
    const step = fc.record({ who: fc.nat(4), act: fc.constantFrom('write', 'read', 'commit'), list: fc.nat(2) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log = new Map<number, { value: string; owner: string }[]>([0, 1, 2].map((list) => [list, []]));
        const done = new Set<string>();
        const committed: ListTransaction[] = [];
        const open = new Map<
          number,
          { id: string; writes: ListTransaction['writes'][number][]; reads: ListTransaction['reads'][number][] }
        >();
        for (const [index, { who, act, list }] of steps.entries()) {
          const mine = open.get(who) ?? { id: `t${index}`, writes: [], reads: [] };
          open.set(who, mine);
          const entries = log.get(list) ?? [];
          if (act === 'write') {
            const value = `v${index}`;
            entries.push({ value, owner: mine.id });
            mine.writes.push({ list, value });
          } else if (act === 'read') {
            // A reader stops at the first record of an open transaction.
            const stable = entries.findIndex(({ owner }) => !done.has(owner));
            const last = entries[(stable < 0 ? entries.length : stable) - 1];
            if (last !== undefined) mine.reads.push({ list, value: last.value });
          } else {
            done.add(mine.id);
            committed.push(mine);
            open.delete(who);
          }
        }
        const lists = new Map(
          [...log].map(([list, entries]) => [
            list,
            entries.filter(({ owner }) => done.has(owner)).map(({ value }) => value),
          ]),
        );
        expect(kindsOf(committed, lists)).not.toContain('G1c');
      }),
    );
  });

  test('a value of an aborted transaction that was read is G1a', () => {
    const committed = [{ id: 't1', writes: [], reads: [{ list: 0, value: 'x' }] }];
    expect(anomaliesOf({ committed, aborted: new Set(['x']), lists: new Map([[0, []]]) })).toEqual([
      { kind: 'G1a', ids: ['t1', 'x'] },
    ]);
  });

  test('writes that interleave are G0', () => {
    const committed = ['a', 'b'].map((id) => ({
      id,
      writes: [0, 1].map((list) => ({ list, value: `${id}${list}` })),
      reads: [],
    }));
    const lists = new Map([
      [0, ['a0', 'b0']],
      [1, ['b1', 'a1']],
    ]);
    expect(kindsOf(committed, lists)).toEqual(['G0']);
  });

  test('two that each read before the other wrote are G2, and nothing worse', () => {
    const committed = [
      { id: 'a', writes: [{ list: 0, value: 'a0' }], reads: [{ list: 1, value: 'old1' }] },
      { id: 'b', writes: [{ list: 1, value: 'b1' }], reads: [{ list: 0, value: 'old0' }] },
    ];
    const lists = new Map([
      [0, ['old0', 'a0']],
      [1, ['old1', 'b1']],
    ]);
    expect(kindsOf(committed, lists)).toEqual(['G2']);
  });
});
