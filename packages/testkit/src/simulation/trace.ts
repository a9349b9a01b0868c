import { hashBytes, hashEnd, hashNumber, hashStart, hashText } from '../random/hash.js';

/**
 * A rolling hash over all that happened: (kind, node, time, payload). Two runs of one seed with different hashes are a
 * hole in the simulation; the kept lines show where they part.
 */
export class Trace {
  #hash = hashStart;
  #length = 0;
  readonly #lines: string[] | undefined;

  constructor(isKeepingLines: boolean) {
    this.#lines = isKeepingLines ? [] : undefined;
  }

  get hash(): string {
    return hashEnd(hashNumber(this.#hash, this.#length)).toString(16).padStart(8, '0');
  }

  get lines(): readonly string[] {
    return this.#lines ?? [];
  }

  add(kind: string, node: string, timeUs: number, payload?: Uint8Array | string): void {
    let hash = hashText(hashNumber(hashText(this.#hash, kind), timeUs), node);
    if (typeof payload === 'string') hash = hashText(hash, payload);
    else if (payload !== undefined) hash = hashBytes(hash, payload);
    this.#hash = hash;
    this.#length += 1;
    this.#lines?.push(`${timeUs} ${node} ${kind} ${describe(payload)}`.trimEnd());
  }
}

function describe(payload: Uint8Array | string | undefined): string {
  if (payload === undefined || typeof payload === 'string') return payload ?? '';
  return `${payload.length} bytes, hash ${hashEnd(hashBytes(hashStart, payload)).toString(16)}`;
}
