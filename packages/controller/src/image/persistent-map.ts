/**
 * An immutable map from text: a change gives a new map that shares all but one bucket with the old one.
 *
 *     buckets  [ Map | Map | undefined | Map | ... ]   a key is in bucket hash(key) % 512
 *
 * Sharing makes a change cheap with a hundred thousand topics, and makes the difference of two maps cheap to find:
 * buckets that are the same object need no look. The order of iteration is fixed by the keys and the order of changes
 * within one bucket; whoever decides by it sorts first.
 */
const bucketCount = 512;

export class PersistentMap<Value> {
  readonly #buckets: readonly (ReadonlyMap<string, Value> | undefined)[];
  readonly size: number;

  static empty<Value>(): PersistentMap<Value> {
    return new PersistentMap<Value>(new Array(bucketCount).fill(undefined), 0);
  }

  private constructor(buckets: readonly (ReadonlyMap<string, Value> | undefined)[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  get(key: string): Value | undefined {
    return this.#buckets[bucketOf(key)]?.get(key);
  }

  with(key: string, value: Value): PersistentMap<Value> {
    const index = bucketOf(key);
    const bucket = new Map(this.#buckets[index]);
    const isNew = !bucket.has(key);
    return new PersistentMap(this.#buckets.with(index, bucket.set(key, value)), this.size + (isNew ? 1 : 0));
  }

  without(key: string): PersistentMap<Value> {
    const index = bucketOf(key);
    const bucket = new Map(this.#buckets[index]);
    if (!bucket.delete(key)) return this;
    return new PersistentMap(this.#buckets.with(index, bucket), this.size - 1);
  }

  *values(): Generator<Value, void, undefined> {
    for (const bucket of this.#buckets) if (bucket !== undefined) yield* bucket.values();
  }

  /** Values (from either map) whose key is in only one of the two, or has another value in the other. */
  *changesSince(before: PersistentMap<Value>): Generator<MapChange<Value>, void, undefined> {
    for (let index = 0; index < bucketCount; index += 1) {
      const old = before.#buckets[index];
      const now = this.#buckets[index];
      if (old === now) continue;
      for (const [key, value] of old ?? []) {
        const after = now?.get(key);
        if (after !== value) yield { before: value, after };
      }
      for (const [key, value] of now ?? []) if (old?.has(key) !== true) yield { before: undefined, after: value };
    }
  }
}

export interface MapChange<Value> {
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

/** FNV-1a over the UTF-16 units. */
function bucketOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % bucketCount;
}
