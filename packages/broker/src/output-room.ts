/**
 * What one connection holds of replies: bytes queued in its socket, and bytes that readers of logs have reserved for
 * replies they are about to make.
 *
 * A reply of records may be made while the sum is below `maxBytes`, and below what the budget of all connections leaves to
 * one, so the bound is `maxBytes` plus one reply; who finds no room waits its turn. Other requests are begun while what is queued alone is below it: their replies are small, and
 * a read from the disk must not hold them up.
 *
 * Memory of a log's read pool goes back when its bytes have left the socket. A socket tells how much it still holds,
 * and sends in order: everything up to (all bytes ever written - bytes held) has left.
 *
 * Invariants: `#unsent` is ordered by position; waiters are woken in order, each once; the budget counts `#countedBytes`.
 */
import { completion, type Completion, type Socket } from '@millrace/base';
import { type OutputBudget, smallReplyBytes } from './output-budget.js';

interface Unsent {
  /** Count of bytes ever written, up to and with its last one. */
  readonly endPosition: number;
  readonly release: () => void;
}

export interface OutputRoomOptions {
  readonly maxBytes: number;
  readonly maxBatchBytes: number;
  readonly budget: OutputBudget;
}

export class OutputRoom {
  readonly #socket: Socket;
  readonly #maxBytes: number;
  readonly #budget: OutputBudget;
  /** A reply may be one batch however little was granted: until it is made it counts as the largest. */
  readonly #maxBatchBytes: number;
  readonly #unsent: Unsent[] = [];
  readonly #waiting: { readonly bytes: number; readonly turn: Completion<number> }[] = [];
  #writtenBytes = 0;
  #reservedBytes = 0;
  #countedBytes = 0;
  #isClosed = false;

  constructor(socket: Socket, options: OutputRoomOptions) {
    this.#socket = socket;
    this.#maxBytes = options.maxBytes;
    this.#maxBatchBytes = options.maxBatchBytes;
    this.#budget = options.budget;
  }

  /** How many bytes the reader has ever taken. */
  get sentBytes(): number {
    return this.#writtenBytes - this.#socket.bufferedBytes;
  }

  /** Whether others wait because all connections together hold too much. */
  get isContended(): boolean {
    return this.#budget.isContended;
  }

  get hasRoom(): boolean {
    return this.#socket.bufferedBytes < this.#maxBytes;
  }

  get #canReserve(): boolean {
    const heldBytes = this.#socket.bufferedBytes + this.#reservedBytes;
    return heldBytes < Math.min(this.#maxBytes, this.#budget.shareBytes) && this.#budget.hasRoom();
  }

  write(buffer: Uint8Array): void {
    this.#writtenBytes += buffer.length;
    this.#socket.write(buffer);
    this.recount();
  }

  /**
   * Reserves room for a reply of at most so many bytes, or of fewer when others hold much, and says how many. There is a
   * promise of it when there is no room now; it is kept at the latest when the connection closes. Give it back with
   * `giveBack`, after writing.
   */
  reserve(bytes: number): number | Promise<number> {
    this.recount();
    if (this.#isClosed || (this.#waiting.length === 0 && this.#canReserve)) return this.#take(bytes);
    const turn = completion<number>();
    this.#waiting.push({ bytes, turn });
    this.#waitInLine();
    return turn.promise;
  }

  giveBack(bytes: number): void {
    this.#reservedBytes -= Math.max(bytes, this.#maxBatchBytes);
    this.recount();
    this.wake();
  }

  /** Gives turns to those who wait, as far as there is room. */
  wake(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#canReserve; next = this.#waiting[0]) {
      this.#waiting.shift();
      next.turn.resolve(this.#take(next.bytes));
    }
    this.#waitInLine();
  }

  /** Tells the budget what is held now: sockets do not say when bytes have left. */
  recount(): void {
    const heldBytes = this.#isClosed ? 0 : this.#socket.bufferedBytes + this.#reservedBytes;
    if (heldBytes === this.#countedBytes) return;
    const before = this.#countedBytes;
    this.#countedBytes = heldBytes;
    this.#budget.report(this, heldBytes, before);
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
    this.recount();
    const { sentBytes } = this;
    while (this.#unsent.length > 0 && this.#unsent[0]!.endPosition <= sentBytes) this.#unsent.shift()!.release();
  }

  /** The socket is gone and with it all that it held. */
  close(): void {
    this.#isClosed = true;
    for (const { release } of this.#unsent.splice(0)) release();
    for (const { bytes, turn } of this.#waiting.splice(0)) {
      turn.resolve(this.#take(bytes));
    }
    this.recount();
  }

  #take(bytes: number): number {
    const taken = Math.min(bytes, this.#budget.shareBytes);
    this.#reservedBytes += Math.max(taken, this.#maxBatchBytes);
    this.recount();
    return taken;
  }

  /** Who is held up by others alone; what this connection holds itself wakes it when it leaves. */
  #waitInLine(): void {
    const isHeldUp = this.#waiting.length > 0 && this.#budget.isFull && this.#countedBytes < smallReplyBytes;
    if (isHeldUp) this.#budget.waitInLine(this);
  }
}
