/**
 * An immutable map from text: a change gives a new map that shares all but one branch with the old one.
 *
 *     branches   [ . | . | undefined | . ]            64, by the upper bits of the key's hash
 *                    |
 *     buckets      [ . | undefined | . | . ]          64 in each, by the lower bits
 *                    |
 *                   Map of the few keys that meet here
 *
 * Sharing makes a change cheap with a hundred thousand topics, and makes the difference of two maps cheap to find:
 * branches and buckets that are the same object need no look. The order of iteration is fixed by the keys and, within
 * one bucket, the order of changes; whoever decides by it sorts first.
 */
type Bucket<Value> = ReadonlyMap<string, Value> | undefined;
type Branch<Value> = readonly Bucket<Value>[] | undefined;

const fanOut = 64;
const noBuckets: readonly undefined[] = new Array<undefined>(fanOut).fill(undefined);

export interface MapChange<Value> {
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

export class PersistentMap<Value> {
  readonly #branches: readonly Branch<Value>[];
  readonly size: number;

  static empty<Value>(): PersistentMap<Value> {
    return new PersistentMap<Value>(noBuckets, 0);
  }

  private constructor(branches: readonly Branch<Value>[], size: number) {
    this.#branches = branches;
    this.size = size;
  }

  get(key: string): Value | undefined {
    const place = placeOf(key);
    return this.#bucket(place)?.get(key);
  }

  with(key: string, value: Value): PersistentMap<Value> {
    const place = placeOf(key);
    const bucket = new Map(this.#bucket(place));
    const size = this.size + (bucket.has(key) ? 0 : 1);
    return this.#replaced(place, bucket.set(key, value), size);
  }

  without(key: string): PersistentMap<Value> {
    const place = placeOf(key);
    const bucket = new Map(this.#bucket(place));
    return bucket.delete(key) ? this.#replaced(place, bucket, this.size - 1) : this;
  }

  *values(): Generator<Value, void, undefined> {
    for (const branch of this.#branches) {
      for (const bucket of branch ?? []) if (bucket !== undefined) yield* bucket.values();
    }
  }

  /** The values of every key that is in only one of the two maps, or has another value in the other. */
  *changesSince(before: PersistentMap<Value>): Generator<MapChange<Value>, void, undefined> {
    for (let index = 0; index < fanOut; index += 1) {
      const old = before.#branches[index];
      const now = this.#branches[index];
      if (old !== now) yield* changesOfBranch(old, now);
    }
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
    return new PersistentMap(branches, size);
  }
}

function* changesOfBranch<Value>(old: Branch<Value>, now: Branch<Value>): Generator<MapChange<Value>, void, undefined> {
  for (let index = 0; index < fanOut; index += 1) {
    const before = old?.[index];
    const after = now?.[index];
    if (before === after) continue;
    for (const [key, value] of before ?? []) {
      const replacement = after?.get(key);
      if (replacement !== value) yield { before: value, after: replacement };
    }
    for (const [key, value] of after ?? []) if (before?.has(key) !== true) yield { before: undefined, after: value };
  }
}

/** FNV-1a over the UTF-16 units, folded to the number of buckets. */
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return ((hash ^ (hash >>> 12)) >>> 0) % (fanOut * fanOut);
}
