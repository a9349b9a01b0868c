/**
 * What one connection holds of replies: bytes queued in its socket, and bytes that readers of logs have reserved for
 * replies they are about to make.
 *
 * A reply of records may be made while the sum is below `maxBytes`, so the bound is `maxBytes` plus one reply; who finds
 * no room waits its turn. Other requests are begun while what is queued alone is below it: their replies are small, and
 * a read from the disk must not hold them up.
 *
 * Memory of a log's read pool goes back when its bytes have left the socket. A socket tells how much it still holds,
 * and sends in order: everything up to (all bytes ever written - bytes held) has left.
 *
 * Invariants: `#unsent` is ordered by position; waiters are woken in order, each once.
 */
import { completion, type Completion, type Socket } from '@millrace/base';

interface Unsent {
  /** Count of bytes ever written, up to and with its last one. */
  readonly endPosition: number;
  readonly release: () => void;
}

export class OutputRoom {
  readonly #socket: Socket;
  readonly #maxBytes: number;
  readonly #unsent: Unsent[] = [];
  readonly #waiting: { readonly bytes: number; readonly turn: Completion<void> }[] = [];
  #writtenBytes = 0;
  #reservedBytes = 0;
  #isClosed = false;

  constructor(socket: Socket, maxBytes: number) {
    this.#socket = socket;
    this.#maxBytes = maxBytes;
  }

  get hasRoom(): boolean {
    return this.#socket.bufferedBytes < this.#maxBytes;
  }

  get #canReserve(): boolean {
    return this.#socket.bufferedBytes + this.#reservedBytes < this.#maxBytes;
  }

  write(buffer: Uint8Array): void {
    this.#writtenBytes += buffer.length;
    this.#socket.write(buffer);
  }

  /**
   * Reserves room for a reply of at most so many bytes. Undefined when there is room now; else wait for the promise,
   * which also resolves when the connection closes. Give it back with `giveBack`, after writing.
   */
  reserve(bytes: number): Promise<void> | undefined {
    if (this.#isClosed || (this.#canReserve && this.#waiting.length === 0)) {
      this.#reservedBytes += bytes;
      return undefined;
    }
    const turn = completion();
    this.#waiting.push({ bytes, turn });
    return turn.promise;
  }

  giveBack(bytes: number): void {
    this.#reservedBytes -= bytes;
    this.wake();
  }

  /** Gives turns to those who wait, as far as there is room. */
  wake(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#canReserve; next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#reservedBytes += next.bytes;
      next.turn.resolve();
    }
  }

  /** Calls back once all bytes written so far have left. */
  releaseWhenSent(release: () => void): void {
    if (this.#isClosed || this.#socket.bufferedBytes === 0) {
      release();
      return;
    }
    this.#unsent.push({ endPosition: this.#writtenBytes, release });
    this.releaseSent();
  }

  releaseSent(): void {
    const sentPosition = this.#writtenBytes - this.#socket.bufferedBytes;
    while (this.#unsent.length > 0 && this.#unsent[0]!.endPosition <= sentPosition) this.#unsent.shift()!.release();
  }

  /** The socket is gone and with it all that it held. */
  close(): void {
    this.#isClosed = true;
    for (const { release } of this.#unsent.splice(0)) release();
    for (const { bytes, turn } of this.#waiting.splice(0)) {
      this.#reservedBytes += bytes;
      turn.resolve();
    }
  }
}
