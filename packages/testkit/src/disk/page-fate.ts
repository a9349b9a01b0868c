/**
 * What a file holds after a power cut, from its durable image and the operations since.
 *
 * The page cache writes whole pages back whenever it likes, so a page on disk is one of its versions:
 *
 *     version 0 (durable) -> 1 (after the first unsynced operation that touched it) -> ... -> n (as last seen)
 *
 * or, when the power went during that write, a mix of versions cut at any byte. Where unsynced bytes were to go there
 * may be garbage. Bytes that no unsynced operation touched are the same in all versions, hence always safe. The size
 * is metadata with versions of its own: pages past it are cut, pages missing below it read as before, or as zeros.
 */
import type { RandomStream } from '@millrace/base';
import type { Fate } from './crash-policy.js';

const pageBytes = 4096;
const sectorBytes = 512;

export type DataOperation =
  | { readonly kind: 'write'; readonly sequence: number; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly sequence: number; readonly sizeBytes: number };

export function imageAfterCrash(
  durable: Uint8Array,
  unsynced: readonly DataOperation[],
  fate: Fate,
  random: RandomStream,
): Uint8Array {
  if (unsynced.length === 0 || fate === 'lost') return durable.slice();
  const sizes = sizeVersions(durable.length, unsynced);
  const sizeVersion = fate === 'kept' ? sizes.length - 1 : drawVersion(sizes.length - 1, random);
  const extent = sizes.reduce((largest, size) => Math.max(largest, size), 0);
  const image = new Uint8Array(extent);
  image.set(durable);
  // The whole file may be late or early as one; only the rest of the time do its pages go their own ways.
  const fileFate = fate === 'random' ? draw<Fate>(['kept', 'lost', 'random', 'random'], random) : fate;
  for (const [page, operations] of operationsByPage(unsynced, extent)) {
    const versions = new PageVersions(durable, page, operations);
    image.set(pageAfterCrash(versions, fileFate, random).subarray(0, extent - page * pageBytes), page * pageBytes);
  }
  return image.slice(0, sizes[sizeVersion]);
}

function pageAfterCrash(versions: PageVersions, fate: Fate, random: RandomStream): Uint8Array {
  const own =
    fate === 'random' ? draw<Fate | 'garbage'>(['kept', 'kept', 'lost', 'lost', 'torn', 'garbage'], random) : fate;
  switch (own) {
    case 'kept':
      return versions.at(versions.last);
    case 'lost':
      return versions.at(0);
    case 'torn':
      return tear(versions, random);
    default:
      return spoil(versions, random);
  }
}

/** Two versions side by side: left and right of a cut, or the ends and the middle. */
function tear(versions: PageVersions, random: RandomStream): Uint8Array {
  const outside = versions.at(random.integer(0, versions.last + 1));
  const inside = versions.at(random.integer(0, versions.last + 1));
  const from = random.integer(0, 2) === 0 ? 0 : cut(random);
  const to = random.integer(0, 2) === 0 ? pageBytes : cut(random);
  outside.set(inside.subarray(Math.min(from, to), Math.max(from, to)), Math.min(from, to));
  return outside;
}

/** Garbage over a stretch of what the unsynced writes were to put there. */
function spoil(versions: PageVersions, random: RandomStream): Uint8Array {
  const page = versions.at(versions.last);
  const written = versions.writtenRanges();
  if (written.length === 0) return page;
  const [start, end] = written[random.integer(0, written.length)] as [number, number];
  const from = random.integer(start, end);
  page.set(random.bytes(random.integer(1, end - from + 1)), from);
  return page;
}

/** Mostly between sectors, which disks write whole; sometimes anywhere. */
function cut(random: RandomStream): number {
  return random.integer(0, 2) === 0
    ? random.integer(0, pageBytes)
    : random.integer(0, pageBytes / sectorBytes) * sectorBytes;
}

/** Any version, but the last and the first more often: those are what a lucky and an unlucky moment leave. */
function drawVersion(last: number, random: RandomStream): number {
  const luck = random.integer(0, 4);
  if (luck === 0) return 0;
  return luck === 1 ? random.integer(0, last + 1) : last;
}

function sizeVersions(durableSize: number, unsynced: readonly DataOperation[]): number[] {
  const sizes = [durableSize];
  let size = durableSize;
  for (const operation of unsynced) {
    size =
      operation.kind === 'truncate' ? operation.sizeBytes : Math.max(size, operation.position + operation.bytes.length);
    sizes.push(size);
  }
  return sizes;
}

/** Which operations touch which page, by page number. */
function operationsByPage(unsynced: readonly DataOperation[], extent: number): Map<number, DataOperation[]> {
  const pages = new Map<number, DataOperation[]>();
  for (const operation of unsynced) {
    const start = operation.kind === 'write' ? operation.position : operation.sizeBytes;
    const end = operation.kind === 'write' ? operation.position + operation.bytes.length : extent;
    for (let page = Math.floor(start / pageBytes); page * pageBytes < end; page += 1) {
      const operations = pages.get(page);
      if (operations === undefined) pages.set(page, [operation]);
      else operations.push(operation);
    }
  }
  return pages;
}

class PageVersions {
  readonly #durable: Uint8Array;
  readonly #start: number;
  readonly #operations: readonly DataOperation[];

  constructor(durable: Uint8Array, page: number, operations: readonly DataOperation[]) {
    this.#durable = durable;
    this.#start = page * pageBytes;
    this.#operations = operations;
  }

  get last(): number {
    return this.#operations.length;
  }

  /** The page after its first `version` operations. */
  at(version: number): Uint8Array {
    const page = new Uint8Array(pageBytes);
    page.set(this.#durable.subarray(this.#start, this.#start + pageBytes));
    for (const operation of this.#operations.slice(0, version)) {
      if (operation.kind === 'truncate') {
        page.fill(0, Math.max(operation.sizeBytes - this.#start, 0));
        continue;
      }
      const [from, to] = this.#overlap(operation.position, operation.bytes.length);
      page.set(
        operation.bytes.subarray(this.#start + from - operation.position, this.#start + to - operation.position),
        from,
      );
    }
    return page;
  }

  writtenRanges(): [number, number][] {
    return this.#operations.flatMap((operation) =>
      operation.kind === 'write' && operation.bytes.length > 0
        ? [this.#overlap(operation.position, operation.bytes.length)]
        : [],
    );
  }

  #overlap(position: number, length: number): [number, number] {
    return [Math.max(position - this.#start, 0), Math.min(position + length - this.#start, pageBytes)];
  }
}

function draw<Choice>(choices: readonly Choice[], random: RandomStream): Choice {
  return choices[random.integer(0, choices.length)] as Choice;
}
