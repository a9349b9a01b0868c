/**
 * One TCP connection.
 *
 *     write -> #queued --(once per turn)--> one write under way -> kernel
 *
 * - Reading goes into a buffer that is used again (`onread`): half the cost of `data` events. The handler may name
 *   memory of its own instead. One that did so for something long is likely to do it again: until it does not, what
 *   comes first is read in a short piece, so that little of the next long thing has to be copied.
 * - Writes of one turn are sent together; small ones are copied into one piece first, which is cheaper than a vector.
 * - At most one write is under way; what comes meanwhile joins the next one.
 * - `end` stops reading but keeps draining the peer for a moment: closing with unread input would make the kernel send
 *   a reset that can overtake our last bytes.
 */
import type { Socket as RawSocket } from 'node:net';
import { assert } from '../assert.js';
import type { Address } from '../environment/network.js';
import type { Socket, SocketHandler } from '../environment/network.js';

/** Pieces are joined by copying up to this size. Measured: from a few KiB on a vector costs half as much as a copy. */
const joinMaxBytes = 1024;

/** Handler's memory from this size on counts as something long. */
const longBytes = 32 * 1024;
/** The short piece: enough for what precedes the long part of a message. */
const shortBytes = 4 * 1024;

/** How long a peer may take to close its side after we have closed ours. */
const lingerMs = 1000;

export class NodeSocket implements Socket {
  readonly #raw: RawSocket;
  readonly #highWaterMarkBytes: number;
  readonly #remote: Address;
  #handler: SocketHandler | undefined;
  /** Accepted and not yet given to Node. */
  #queued: Uint8Array[] = [];
  #queuedBytes = 0;
  /** Given to Node and not yet taken by the kernel; more than 0 exactly while a write is under way. */
  #underWayBytes = 0;
  /** Whether the last long memory of the handler was not followed by a short piece for which it had none. */
  #expectsLong = false;
  #wasShort = false;
  #isFlushScheduled = false;
  /** A write returned false, and `onDrain` has not been called since. */
  #owesDrain = false;
  #isEnding = false;
  #isClosed = false;
  #error: Error | undefined;
  #lingerTimer: NodeJS.Timeout | undefined;

  readonly #flushLater = (): void => {
    this.#isFlushScheduled = false;
    this.#flush();
  };

  readonly #onWritten = (error?: Error | null): void => {
    this.#underWayBytes = 0;
    if (error !== undefined && error !== null) return;
    this.#flush();
    if (this.#owesDrain && this.bufferedBytes === 0 && !this.#isEnding) {
      this.#owesDrain = false;
      this.#handler?.onDrain();
    }
  };

  constructor(raw: RawSocket, highWaterMarkBytes: number) {
    this.#raw = raw;
    this.#highWaterMarkBytes = highWaterMarkBytes;
    this.#remote = { host: raw.remoteAddress ?? '', port: raw.remotePort ?? 0 };
    raw.on('error', (error) => {
      this.#error ??= error;
    });
    raw.on('end', () => {
      // The raw socket allows half-open connections: by itself it would end before what is queued here was written.
      this.end();
    });
    raw.on('close', () => {
      this.#close();
    });
  }

  get remote(): Address {
    return this.#remote;
  }

  get bufferedBytes(): number {
    return this.#queuedBytes + this.#underWayBytes;
  }

  setHandler(handler: SocketHandler): void {
    this.#handler = handler;
  }

  /** Input, from whoever reads the raw socket. */
  receive(chunk: Uint8Array): void {
    if (this.#isEnding || this.#isClosed) return;
    assert(this.#handler !== undefined, 'a socket must get its handler in the turn in which it was received');
    this.#handler.onData(chunk);
  }

  /** Where the next bytes shall be read into: memory of the handler, or all or the beginning of `shared`. */
  nextReadBuffer(shared: Uint8Array): Uint8Array {
    const own = this.#isEnding || this.#isClosed ? undefined : this.#handler?.readInto?.();
    if (own !== undefined) {
      this.#expectsLong ||= own.length >= longBytes;
      this.#wasShort = false;
      return own;
    }
    if (this.#wasShort) this.#expectsLong = false;
    this.#wasShort = this.#expectsLong;
    return this.#expectsLong ? shared.subarray(0, shortBytes) : shared;
  }

  write(bytes: Uint8Array): boolean {
    if (this.#isEnding || this.#isClosed) return true;
    if (bytes.length > 0) {
      this.#queued.push(bytes);
      this.#queuedBytes += bytes.length;
      if (!this.#isFlushScheduled && this.#underWayBytes === 0) {
        this.#isFlushScheduled = true;
        process.nextTick(this.#flushLater);
      }
    }
    if (this.bufferedBytes <= this.#highWaterMarkBytes) return true;
    this.#owesDrain = true;
    return false;
  }

  pause(): void {
    this.#raw.pause();
  }

  resume(): void {
    this.#raw.resume();
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    // A paused socket would not see the peer's end.
    this.#raw.resume();
    this.#flush();
  }

  destroy(error?: Error): void {
    if (this.#isClosed) return;
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#raw.destroy(error);
  }

  #flush(): void {
    if (this.#underWayBytes > 0 || this.#isClosed) return;
    if (this.#queued.length === 0) {
      if (this.#isEnding && this.#lingerTimer === undefined) this.#endRaw();
      return;
    }
    const pieces = this.#queued.length === 1 ? this.#queued : joinSmall(this.#queued);
    this.#queued = [];
    this.#underWayBytes = this.#queuedBytes;
    this.#queuedBytes = 0;
    const last = pieces.length - 1;
    if (last > 0) this.#raw.cork();
    for (let index = 0; index < last; index += 1) this.#raw.write(pieces[index] as Uint8Array);
    this.#raw.write(pieces[last] as Uint8Array, this.#onWritten);
    if (last > 0) this.#raw.uncork();
  }

  #endRaw(): void {
    this.#raw.end();
    this.#lingerTimer = setTimeout(() => this.#raw.destroy(), lingerMs);
    this.#lingerTimer.unref();
  }

  #close(): void {
    this.#isClosed = true;
    this.#queued = [];
    this.#queuedBytes = 0;
    this.#underWayBytes = 0;
    clearTimeout(this.#lingerTimer);
    this.#handler?.onClose(this.#error);
  }
}

/** Copies runs of small pieces together, in order; large ones stay as they are. */
function joinSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const joined: Uint8Array[] = [];
  let runStart = 0;
  let runBytes = 0;
  for (let index = 0; index <= pieces.length; index += 1) {
    const length = pieces[index]?.length ?? Infinity;
    if (runBytes + length <= joinMaxBytes) {
      runBytes += length;
      continue;
    }
    if (index - runStart === 1) joined.push(pieces[runStart] as Uint8Array);
    else if (index > runStart) joined.push(Buffer.concat(pieces.slice(runStart, index), runBytes));
    runStart = index;
    runBytes = length;
  }
  return joined;
}
