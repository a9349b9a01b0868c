/**
 * Memory for cold reads, used again: a fresh buffer costs as much as the read that fills it.
 *
 * A buffer has one owner at a time: from `take` until its owner gives it back, or never, and then it is collected.
 */
/** The largest batch of a producer by default; the last two are what consumers and followers ask for at once. */
const sizesBytes = [64 * 1024, 256 * 1024, 512 * 1024, 1024 * 1024, 2048 * 1024] as const;

export class ReadBuffers {
  readonly #maxKeptBytes: number;
  readonly #kept: Buffer[][] = sizesBytes.map(() => []);
  #keptBytes = 0;

  constructor(maxKeptBytes: number) {
    this.#maxKeptBytes = maxKeptBytes;
  }

  /** A buffer of at least this size, with old bytes in it. */
  take(minBytes: number): Buffer {
    const index = sizesBytes.findIndex((size) => size >= minBytes);
    const buffer = this.#kept[index]?.pop();
    if (buffer === undefined) return Buffer.allocUnsafeSlow(sizesBytes[index] ?? minBytes);
    this.#keptBytes -= buffer.length;
    return buffer;
  }

  give(buffer: Buffer): void {
    const index = sizesBytes.findIndex((size) => size === buffer.length);
    if (index < 0 || this.#keptBytes + buffer.length > this.#maxKeptBytes) return;
    this.#kept[index]?.push(buffer);
    this.#keptBytes += buffer.length;
  }
}
