/** Which node coordinates a group or a transactional id, as it was found last. */
export interface CoordinatorKey {
  readonly type: 'group' | 'transaction';
  readonly key: string;
}

/** A client uses a few; an admin tool may ask for many. */
const maxKeys = 10_000;

export class CoordinatorCache {
  readonly #nodes = new Map<string, number>();

  get(key: CoordinatorKey): number | undefined {
    return this.#nodes.get(textOf(key));
  }

  set(key: CoordinatorKey, nodeId: number): void {
    this.#nodes.set(textOf(key), nodeId);
    for (const oldest of this.#nodes.keys()) {
      if (this.#nodes.size <= maxKeys) return;
      this.#nodes.delete(oldest);
    }
  }

  /** Unless another was found in the meantime. */
  forget(key: CoordinatorKey, nodeId: number): void {
    if (this.get(key) === nodeId) this.#nodes.delete(textOf(key));
  }

  /** Somebody is not what it was, and which key it was about is not known. */
  clear(): void {
    this.#nodes.clear();
  }
}

function textOf({ type, key }: CoordinatorKey): string {
  return `${type}:${key}`;
}
