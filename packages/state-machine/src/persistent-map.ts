/**
 * An immutable map from text: a change gives a new map that shares all but one path with the old one. States of state
 * machines are made of it.
 *
 *     leaf       a Map of up to 8 entries; the whole map, while it is small
 *     branch     16 nodes, by four bits of the key's hash: the first four at the root, the next four below, ...
 *
 * Sharing makes a change cheap with a hundred thousand keys, and makes the difference of two maps cheap to find: nodes
 * that are the same object need no look. Small maps cost as little as a Map: a coordinator holds several for each of its
 * groups. The order of iteration means nothing: whoever decides by it sorts first.
 */
type Leaf<Value> = ReadonlyMap<string, Value>;
type Branch<Value> = readonly Node<Value>[];
type Node<Value> = Leaf<Value> | Branch<Value> | undefined;

const fanOut = 16;
const bitsOfLevel = 4;
/** Where all bits are used up a leaf holds whatever meets there. */
const hashBits = 32;
const maxLeaf = 8;

interface MapChange<Value> {
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

export class PersistentMap<Value> {
  readonly #root: Node<Value>;
  readonly size: number;

  static empty<Value>(): PersistentMap<Value> {
    return emptyMap as PersistentMap<Value>;
  }

  /** For `empty`. */
  static none(): PersistentMap<unknown> {
    return new PersistentMap<unknown>(undefined, 0);
  }

  private constructor(root: Node<Value>, size: number) {
    this.#root = root;
    this.size = size;
  }

  get(key: string): Value | undefined {
    return leafOf(this.#root, key)?.get(key);
  }

  has(key: string): boolean {
    return leafOf(this.#root, key)?.has(key) === true;
  }

  with(key: string, value: Value): PersistentMap<Value> {
    const root = added(this.#root, { key, value, hash: hashOf(key) }, 0);
    return new PersistentMap(root, this.size + (this.has(key) ? 0 : 1));
  }

  without(key: string): PersistentMap<Value> {
    if (!this.has(key)) return this;
    if (this.size === 1) return PersistentMap.empty();
    return new PersistentMap(removed(this.#root, key, hashOf(key), 0), this.size - 1);
  }

  entries(): Generator<readonly [string, Value], void, undefined> {
    return entriesOf(this.#root);
  }

  *values(): Generator<Value, void, undefined> {
    for (const [, value] of this.entries()) yield value;
  }

  *keys(): Generator<string, void, undefined> {
    for (const [key] of this.entries()) yield key;
  }

  /** The values of every key that is in only one of the two maps, or has another value in the other. */
  changesSince(before: PersistentMap<Value>): Generator<MapChange<Value>, void, undefined> {
    return changes(before.#root, this.#root);
  }
}

const emptyMap = PersistentMap.none();

function isBranch<Value>(node: Node<Value>): node is Branch<Value> {
  return Array.isArray(node);
}

function leafOf<Value>(root: Node<Value>, key: string): Leaf<Value> | undefined {
  if (!isBranch(root)) return root;
  const hash = hashOf(key);
  let node: Node<Value> = root;
  for (let shift = 0; isBranch(node); shift += bitsOfLevel) node = node[(hash >>> shift) % fanOut];
  return node;
}

interface Addition<Value> {
  readonly key: string;
  readonly value: Value;
  readonly hash: number;
}

function added<Value>(node: Node<Value>, addition: Addition<Value>, shift: number): Node<Value> {
  if (isBranch(node)) {
    const index = (addition.hash >>> shift) % fanOut;
    const branch = node.slice();
    branch[index] = added(branch[index], addition, shift + bitsOfLevel);
    return branch;
  }
  const leaf = new Map(node).set(addition.key, addition.value);
  return leaf.size <= maxLeaf || shift >= hashBits ? leaf : split(leaf, shift);
}

function split<Value>(leaf: Leaf<Value>, shift: number): Branch<Value> {
  const branch = new Array<Map<string, Value> | undefined>(fanOut).fill(undefined);
  for (const [key, value] of leaf) {
    const index = (hashOf(key) >>> shift) % fanOut;
    branch[index] = (branch[index] ?? new Map<string, Value>()).set(key, value);
  }
  return branch;
}

function removed<Value>(node: Node<Value>, key: string, hash: number, shift: number): Node<Value> {
  if (isBranch(node)) {
    const index = (hash >>> shift) % fanOut;
    const branch = node.slice();
    branch[index] = removed(branch[index], key, hash, shift + bitsOfLevel);
    return branch.every((one) => one === undefined) ? undefined : branch;
  }
  const leaf = new Map(node);
  leaf.delete(key);
  return leaf.size === 0 ? undefined : leaf;
}

function* entriesOf<Value>(node: Node<Value>): Generator<readonly [string, Value], void, undefined> {
  if (isBranch(node)) for (const one of node) yield* entriesOf(one);
  else if (node !== undefined) yield* node;
}

function* changes<Value>(before: Node<Value>, after: Node<Value>): Generator<MapChange<Value>, void, undefined> {
  if (before === after) return;
  if (isBranch(before) && isBranch(after)) {
    for (let index = 0; index < fanOut; index += 1) yield* changes(before[index], after[index]);
    return;
  }
  const [old, now] = [new Map(entriesOf(before)), new Map(entriesOf(after))];
  for (const [key, value] of old) {
    const replacement = now.get(key);
    if (replacement !== value) yield { before: value, after: replacement };
  }
  for (const [key, value] of now) if (!old.has(key)) yield { before: undefined, after: value };
}

/** FNV-1a over the UTF-16 units; its low bits, which choose at the root, get some of the high ones. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i += 1) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}
