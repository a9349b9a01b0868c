/**
 * An immutable map from text: a change gives a new map that shares all but one branch with the old one. States of state
 * machines are made of it.
 *
 *     up to 32 keys     one Map, copied with each change
 *     more              branches   [ . | . | undefined | . ]            64, by the upper bits of the key's hash
 *                                    |
 *                       buckets      [ . | undefined | . | . ]          64 in each, by the lower bits
 *                                    |
 *                                   Map of the few keys that meet here
 *
 * Sharing makes a change cheap with a hundred thousand topics, and makes the difference of two maps cheap to find:
 * branches and buckets that are the same object need no look. Small maps cost as little as a Map: a coordinator holds
 * several for each of its groups. The order of iteration means nothing: whoever decides by it sorts first.
 */
type Bucket<Value> = ReadonlyMap<string, Value> | undefined;
type Branch<Value> = readonly Bucket<Value>[] | undefined;

const fanOut = 64;
const maxSmall = 32;
const noBuckets: readonly undefined[] = new Array<undefined>(fanOut).fill(undefined);
const noEntries: ReadonlyMap<string, never> = new Map<string, never>();

interface MapChange<Value> {
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

export class PersistentMap<Value> {
  /** All entries, while they are few; else undefined, and they are in the branches. */
  readonly #small: ReadonlyMap<string, Value> | undefined;
  readonly #branches: readonly Branch<Value>[];
  readonly size: number;

  /** Made when it is first asked for: the compiled class cannot make one of itself while it is being defined. */
  static #empty: PersistentMap<never> | undefined;

  static empty<Value>(): PersistentMap<Value> {
    PersistentMap.#empty ??= new PersistentMap<never>(noEntries, noBuckets, 0);
    return PersistentMap.#empty;
  }

  private constructor(small: ReadonlyMap<string, Value> | undefined, branches: readonly Branch<Value>[], size: number) {
    this.#small = small;
    this.#branches = branches;
    this.size = size;
  }

  get(key: string): Value | undefined {
    return this.#small === undefined ? this.#bucket(placeOf(key))?.get(key) : this.#small.get(key);
  }

  has(key: string): boolean {
    return (this.#small ?? this.#bucket(placeOf(key)))?.has(key) === true;
  }

  with(key: string, value: Value): PersistentMap<Value> {
    if (this.#small !== undefined) {
      const small = new Map(this.#small).set(key, value);
      return small.size <= maxSmall
        ? new PersistentMap(small, noBuckets, small.size)
        : PersistentMap.#inBranches(small);
    }
    return this.#withInBranches(key, value);
  }

  without(key: string): PersistentMap<Value> {
    if (!this.has(key)) return this;
    if (this.size === 1) return PersistentMap.empty();
    if (this.#small !== undefined) {
      const small = new Map(this.#small);
      small.delete(key);
      return new PersistentMap(small, noBuckets, small.size);
    }
    const place = placeOf(key);
    const bucket = new Map(this.#bucket(place));
    bucket.delete(key);
    return this.#replaced(place, bucket.size === 0 ? undefined : bucket, this.size - 1);
  }

  *entries(): Generator<readonly [string, Value], void, undefined> {
    if (this.#small !== undefined) yield* this.#small;
    else
      for (const branch of this.#branches) for (const bucket of branch ?? []) if (bucket !== undefined) yield* bucket;
  }

  *values(): Generator<Value, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  *keys(): Generator<string, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  /** The values of every key that is in only one of the two maps, or has another value in the other. */
  *changesSince(before: PersistentMap<Value>): Generator<MapChange<Value>, void, undefined> {
    if (before === this) return;
    if (this.#small !== undefined || before.#small !== undefined) {
      yield* changesOfBucket(new Map(before.entries()), new Map(this.entries()));
      return;
    }
    for (let index = 0; index < fanOut; index += 1) {
      const old = before.#branches[index];
      const now = this.#branches[index];
      if (old !== now) yield* changesOfBranch(old, now);
    }
  }

  #withInBranches(key: string, value: Value): PersistentMap<Value> {
    const place = placeOf(key);
    const bucket = new Map(this.#bucket(place));
    const size = this.size + (bucket.has(key) ? 0 : 1);
    return this.#replaced(place, bucket.set(key, value), size);
  }

  #bucket(place: number): Bucket<Value> {
    return this.#branches[Math.floor(place / fanOut)]?.[place % fanOut];
  }

  #replaced(place: number, bucket: Bucket<Value>, size: number): PersistentMap<Value> {
    const index = Math.floor(place / fanOut);
    const branch = (this.#branches[index] ?? noBuckets).slice();
    branch[place % fanOut] = bucket;
    const branches = this.#branches.slice();
    branches[index] = branch;
    return new PersistentMap(undefined, branches, size);
  }

  static #inBranches<Value>(entries: ReadonlyMap<string, Value>): PersistentMap<Value> {
    let map = new PersistentMap<Value>(undefined, noBuckets, 0);
    for (const [key, value] of entries) map = map.#withInBranches(key, value);
    return map;
  }
}

function* changesOfBranch<Value>(old: Branch<Value>, now: Branch<Value>): Generator<MapChange<Value>, void, undefined> {
  for (let index = 0; index < fanOut; index += 1) {
    const before = old?.[index];
    const after = now?.[index];
    if (before !== after) yield* changesOfBucket(before, after);
  }
}

function* changesOfBucket<Value>(
  before: Bucket<Value>,
  after: Bucket<Value>,
): Generator<MapChange<Value>, void, undefined> {
  for (const [key, value] of before ?? []) {
    const replacement = after?.get(key);
    if (replacement !== value) yield { before: value, after: replacement };
  }
  for (const [key, value] of after ?? []) if (before?.has(key) !== true) yield { before: undefined, after: value };
}

/** FNV-1a over the UTF-16 units, folded to the number of buckets. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 12)) >>> 0) % (fanOut * fanOut);
}
