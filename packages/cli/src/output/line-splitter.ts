/**
 * Cuts a byte stream into lines without decoding it. A line is a view into the current chunk wherever it lies whole
 * inside one; only a line that crosses chunks is copied. The view is valid until the next call of `push`.
 */
import { MillraceError } from '@millrace/base';

const lineFeed = 0x0a;

export class LineSplitter {
  readonly #maxLineBytes: number;
  #rest: Buffer[] = [];
  #restBytes = 0;
  #lineNumber = 0;

  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** The lines that `chunk` completes, in order. */
  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    for (let end = chunk.indexOf(lineFeed); end !== -1; end = chunk.indexOf(lineFeed, start)) {
      yield this.#line(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) return;
    this.#restBytes += chunk.length - start;
    if (this.#restBytes > this.#maxLineBytes) throw this.#tooLong();
    this.#rest.push(Buffer.from(chunk.subarray(start)));
  }

  /** The last line when the stream does not end with a line feed. */
  end(): Buffer | undefined {
    return this.#restBytes === 0 ? undefined : this.#line(Buffer.alloc(0));
  }

  get lineNumber(): number {
    return this.#lineNumber;
  }

  #line(tail: Buffer): Buffer {
    this.#lineNumber += 1;
    const line = this.#restBytes === 0 ? tail : Buffer.concat([...this.#rest, tail]);
    this.#rest = [];
    this.#restBytes = 0;
    if (line.length > this.#maxLineBytes) throw this.#tooLong();
    return line;
  }

  #tooLong(): MillraceError {
    return new MillraceError(
      'MESSAGE_TOO_LARGE',
      `Line ${this.#lineNumber + 1} is longer than ${this.#maxLineBytes} bytes, the most a record may hold here. Split it, or raise --batch-bytes and the topic's max.message.bytes.`,
    );
  }
}
