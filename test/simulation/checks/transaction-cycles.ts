/**
 * Looks for cycles among transactions that append to lists and read them, as Elle does. Nodes are committed transactions:
 *
 *     ww   a's value stands right before b's in a list: a wrote first
 *     wr   b read a's value as the last of a list
 *     rw   a read a list up to a value, and b's stands right behind it
 *
 *     G0    a cycle of ww alone: writes of transactions interleave
 *     G1a   a value of an aborted transaction was read
 *     G1c   a cycle of wr alone: two transactions each read what the other had committed before it ended
 *     G1c-ww, G2   cycles that need ww, or rw, as well
 *
 * A log that is written by several at once has G0, and so G1c-ww and G2: producers do not wait for each other, and a reader
 * may be anywhere. G1a and G1c it must never have.
 */
export interface ListTransaction {
  readonly id: string;
  readonly writes: readonly ListValue[];
  readonly reads: readonly ListValue[];
}

export interface ListValue {
  readonly list: number;
  readonly value: string;
}

export type AnomalyKind = 'G0' | 'G1a' | 'G1c' | 'G1c-ww' | 'G2';

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** Ids, each before the next, and the last before the first; of G1a the reader and the value. */
  readonly ids: readonly string[];
}

export interface ListHistory {
  readonly committed: readonly ListTransaction[];
  /** Values that must not be read. */
  readonly aborted: ReadonlySet<string>;
  /** Values of each list in their order. */
  readonly lists: ReadonlyMap<number, readonly string[]>;
}

type Edges = Map<string, Set<string>>;

/** One of each kind at most. */
export function anomaliesOf({ committed, aborted, lists }: ListHistory): Anomaly[] {
  const writers = new Map<string, string>();
  for (const { id, writes } of committed) for (const { value } of writes) writers.set(value, id);
  const places = new Map<string, number>();
  for (const values of lists.values()) for (const [index, value] of values.entries()) places.set(value, index);
  const ww: Edges = new Map();
  const wr: Edges = new Map();
  const rw: Edges = new Map();
  const found: Anomaly[] = [];
  for (const values of lists.values()) {
    for (const [index, value] of values.entries())
      connect(ww, writers.get(values[index - 1] ?? ''), writers.get(value));
  }
  for (const { id, reads } of committed) {
    const bad = reads.find(({ value }) => aborted.has(value));
    if (bad !== undefined && !found.some(({ kind }) => kind === 'G1a')) {
      found.push({ kind: 'G1a', ids: [id, bad.value] });
    }
    for (const { list, value } of highest(reads, places)) {
      connect(wr, writers.get(value), id);
      connect(rw, id, writers.get(lists.get(list)?.[(places.get(value) ?? 0) + 1] ?? ''));
    }
  }
  const kinds: [AnomalyKind, Edges[]][] = [
    ['G0', [ww]],
    ['G1c', [wr]],
    ['G1c-ww', [ww, wr]],
    ['G2', [ww, wr, rw]],
  ];
  for (const [kind, edges] of kinds) {
    if (kind === 'G1c-ww' && found.some((each) => each.kind === 'G0' || each.kind === 'G1c')) continue;
    if (kind === 'G2' && found.some((each) => each.kind !== 'G1a')) continue;
    const ids = cycleIn(edges);
    if (ids !== undefined) found.push({ kind, ids });
  }
  return found;
}

/** Of each list what was read last. */
function highest(reads: readonly ListValue[], places: ReadonlyMap<string, number>): Iterable<ListValue> {
  const last = new Map<number, ListValue>();
  for (const read of reads) {
    const before = last.get(read.list);
    const place = places.get(read.value) ?? -1;
    if (place >= 0 && (before === undefined || place > (places.get(before.value) ?? -1))) last.set(read.list, read);
  }
  return last.values();
}

function connect(edges: Edges, from: string | undefined, to: string | undefined): void {
  if (from === undefined || to === undefined || from === to) return;
  const targets = edges.get(from);
  if (targets === undefined) edges.set(from, new Set([to]));
  else targets.add(to);
}

/** Depth first, with the way that led here; undefined when there is no cycle. */
function cycleIn(graphs: readonly Edges[]): string[] | undefined {
  const done = new Set<string>();
  const starts = new Set(graphs.flatMap((edges) => [...edges.keys()]));
  const next = (id: string): string[] => graphs.flatMap((edges) => [...(edges.get(id) ?? [])]);
  for (const start of starts) {
    if (done.has(start)) continue;
    const way: string[] = [start];
    const onWay = new Set(way);
    const left: string[][] = [next(start)];
    while (way.length > 0) {
      const id = left.at(-1)?.pop();
      if (id === undefined) {
        const ended = way.pop() ?? '';
        onWay.delete(ended);
        done.add(ended);
        left.pop();
      } else if (onWay.has(id)) {
        return way.slice(way.indexOf(id));
      } else if (!done.has(id)) {
        way.push(id);
        onWay.add(id);
        left.push(next(id));
      }
    }
  }
  return undefined;
}
