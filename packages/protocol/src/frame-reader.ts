/**
 * Cuts a byte stream into frames.
 *
 * States: prefix (fewer than 16 bytes of the next frame are known) -> rest (body and payload) -> prefix. A framing
 * error leads to `ended` from either: nothing after it can be trusted, so the connection must be closed.
 *
 * A frame that lies within one chunk is not copied. One that spans chunks is put together in a slab, which is taken
 * only after the length was checked and grows with the bytes that arrive: a peer cannot make us hold more than a few
 * times what it sent, now or in an earlier frame.
 *
 * A socket that can read into memory that it is told (`readInto`) puts the rest of such a frame right into the slab.
 * That memory is then in two hands, and is given back to the pool only after the socket has let go of it: in `push`,
 * after which the socket asks again. A reader that is closed meanwhile leaves it to the garbage collector.
 */
import type { MillraceError } from '@millrace/base';
import { FrameMemory } from './frame-memory.js';
import { frameHeaderBytes, framePrefixBytes, knownFlags, type FrameHeader } from './frame.js';
import { otherProtocol } from './other-protocol.js';
import { protocolError } from './protocol-error.js';
import { SlabPool } from './slab-pool.js';

/** The most that is taken at once for a frame on the strength of earlier ones. */
const maxProvenBytes = 1024 * 1024;

/**
 * A received frame. `body` and `payload` are views, valid only during `onFrame`, or until `memory` is released by who
 * retained it; what `takePayload` gives outlives both.
 */
export interface Frame extends FrameHeader {
  readonly body: Uint8Array;
  readonly payload: Uint8Array;
  /** Where they lie; undefined when the reader's caller owns that. */
  readonly memory: FrameMemory | undefined;
  /** The payload as memory of the caller's own: handed over when the reader had to collect the frame, else copied. */
  takePayload(): Uint8Array;
  /** Gives back what `takePayload` handed over: another frame will overwrite it. Once; or never, and it is collected. */
  giveBackPayload(): void;
}

export interface FrameReaderOptions {
  /** Longest frame accepted, its length field not counted. */
  readonly maxFrameBytes: number;
  readonly onFrame: (frame: Frame) => void;
  /** A framing error, at most once: INVALID_FRAME, FRAME_TOO_LARGE or WRONG_PROTOCOL. */
  readonly onError: (error: MillraceError) => void;
  /** Share one between connections. */
  readonly slabs?: SlabPool;
}

export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #onError: (error: MillraceError) => void;
  readonly #slabs: SlabPool;
  #maxFrameBytes: number;
  #ended = false;
  #framesRead = 0;

  /** Bytes of the prefix collected so far, when it came in pieces. */
  readonly #prefix = new Uint8Array(framePrefixBytes);
  #prefixLength = 0;

  /** The rest of the frame: its length, body length, and how much of it lies in the slab. Valid once the prefix is complete. */
  #restBytes = 0;
  #bodyBytes = 0;
  #restLength = 0;
  /** Undefined until a chunk ends inside the rest of a frame. */
  #slab: Uint8Array | undefined;
  /** Whether the socket may be writing into the slab. */
  #isSlabLent = false;
  /** The longest frame that this peer has sent in full, up to a bound. */
  #provenBytes = 0;

  constructor(options: FrameReaderOptions) {
    this.#maxFrameBytes = options.maxFrameBytes;
    this.#onFrame = options.onFrame;
    this.#onError = options.onError;
    this.#slabs = options.slabs ?? new SlabPool({ maxFreeBytes: 1024 * 1024 });
  }

  /** Counts from the next frame on; a frame already begun keeps the limit it was checked against. */
  setMaxFrameBytes(maxFrameBytes: number): void {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Whether part of a frame has arrived and the rest has not: such a peer must not take for ever. */
  get isMidFrame(): boolean {
    return this.#prefixLength > 0;
  }

  /** Bytes of an unfinished frame held here. */
  get bufferedBytes(): number {
    return this.#prefixLength + this.#restLength;
  }

  /**
   * Memory for the next bytes of the stream, when they belong to a frame that has begun; else any will do. It is lent
   * until the next `push`, which must bring what was read into it.
   */
  readInto(): Uint8Array | undefined {
    if (this.#slab === undefined || this.#ended) return undefined;
    if (this.#slab.length === this.#restLength) this.#growSlab(this.#restLength + 1);
    this.#isSlabLent = true;
    return this.#slab.subarray(this.#restLength, Math.min(this.#slab.length, this.#restBytes));
  }

  /** Takes what arrived. Calls `onFrame` for each frame that is complete; `chunk` is not kept. */
  push(chunk: Uint8Array): void {
    this.#isSlabLent = false;
    let position = 0;
    while (position < chunk.length && !this.#ended) {
      position =
        this.#prefixLength < framePrefixBytes ? this.#readPrefix(chunk, position) : this.#readRest(chunk, position);
    }
  }

  /** Ends reading, also from within `onFrame`: later bytes are ignored and the memory is given back. */
  close(): void {
    this.#ended = true;
    this.#prefixLength = 0;
    this.#restLength = 0;
    if (this.#slab !== undefined && !this.#isSlabLent) this.#slabs.give(this.#slab);
    this.#slab = undefined;
  }

  #readPrefix(chunk: Uint8Array, position: number): number {
    const before = this.#prefixLength;
    const count = Math.min(framePrefixBytes - before, chunk.length - position);
    for (let index = 0; index < count; index += 1) this.#prefix[before + index] = chunk[position + index] ?? 0;
    this.#prefixLength += count;

    // The length is judged as soon as it is known: a peer of another protocol may never send sixteen bytes.
    if (before < 4 && this.#prefixLength >= 4 && !this.#checkLength()) return chunk.length;
    if (this.#prefixLength < framePrefixBytes) return position + count;
    if (!this.#checkHeader()) return chunk.length;
    if (this.#restBytes === 0) this.#deliver(chunk, position + count, undefined);
    return position + count;
  }

  #checkLength(): boolean {
    const length = readUint32(this.#prefix, 0);
    if (length > this.#maxFrameBytes) {
      return this.#fail(
        'FRAME_TOO_LARGE',
        `A frame says it is ${length} bytes long, and the limit of this connection is ${this.#maxFrameBytes}.`,
      );
    }
    if (length < frameHeaderBytes) {
      return this.#fail('INVALID_FRAME', `A frame says it is ${length} bytes long, less than its header.`);
    }
    this.#restBytes = length - frameHeaderBytes;
    return true;
  }

  #checkHeader(): boolean {
    const bodyBytes = readUint32(this.#prefix, 12);
    if (bodyBytes > this.#restBytes) {
      return this.#fail(
        'INVALID_FRAME',
        `A frame of ${this.#restBytes + frameHeaderBytes} bytes says its body is ${bodyBytes} bytes long.`,
      );
    }
    const flags = this.#prefix[11] ?? 0;
    if ((flags & ~knownFlags) !== 0) {
      return this.#fail('INVALID_FRAME', `A frame has unknown flags: 0x${flags.toString(16)}.`);
    }
    this.#bodyBytes = bodyBytes;
    this.#restLength = 0;
    return true;
  }

  #readRest(chunk: Uint8Array, position: number): number {
    const missing = this.#restBytes - this.#restLength;
    const count = Math.min(missing, chunk.length - position);
    if (this.#slab === undefined && count === missing) {
      this.#deliver(chunk, position, undefined);
      return position + count;
    }

    const slab = this.#growSlab(this.#restLength + count);
    const isInPlace =
      chunk.buffer === slab.buffer && chunk.byteOffset + position === slab.byteOffset + this.#restLength;
    if (!isInPlace) slab.set(chunk.subarray(position, position + count), this.#restLength);
    this.#restLength += count;
    if (this.#restLength === this.#restBytes) this.#deliver(slab, 0, new FrameMemory(slab, this.#slabs));
    return position + count;
  }

  #growSlab(neededBytes: number): Uint8Array {
    const old = this.#slab;
    if (old !== undefined && old.length >= neededBytes) return old;
    const proven = Math.min(this.#restBytes, Math.max(neededBytes * 4, this.#provenBytes));
    // A slab that lies ready costs nothing more, however long the frame says it is.
    const slab = this.#slabs.takeFree(this.#restBytes) ?? this.#slabs.take(proven);
    if (old !== undefined) {
      slab.set(old.subarray(0, this.#restLength));
      this.#slabs.give(old);
    }
    this.#slab = slab;
    return slab;
  }

  #deliver(bytes: Uint8Array, start: number, memory: FrameMemory | undefined): void {
    const frame = new ReceivedFrame(this.#prefix, bytes, {
      start,
      bodyBytes: this.#bodyBytes,
      restBytes: this.#restBytes,
      memory,
    });
    // Ready for the next frame before the callback, which may close the reader.
    this.#prefixLength = 0;
    this.#restLength = 0;
    this.#slab = undefined;
    this.#framesRead += 1;
    this.#provenBytes = Math.min(maxProvenBytes, Math.max(this.#provenBytes, this.#restBytes));
    try {
      this.#onFrame(frame);
    } finally {
      memory?.release();
    }
  }

  #fail(code: string, message: string): false {
    const protocol = this.#framesRead === 0 ? otherProtocol(this.#prefix.subarray(0, this.#prefixLength)) : undefined;
    this.close();
    this.#onError(
      protocol === undefined
        ? protocolError(code, message)
        : protocolError('WRONG_PROTOCOL', `The peer sent ${protocol}; this connection speaks the Millrace protocol.`),
    );
    return false;
  }
}

class ReceivedFrame implements Frame {
  readonly correlationId: number;
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly flags: number;
  readonly body: Uint8Array;
  readonly payload: Uint8Array;
  readonly memory: FrameMemory | undefined;
  #isTaken = false;

  constructor(
    prefix: Uint8Array,
    bytes: Uint8Array,
    rest: {
      readonly start: number;
      readonly bodyBytes: number;
      readonly restBytes: number;
      readonly memory: FrameMemory | undefined;
    },
  ) {
    this.correlationId = readUint32(prefix, 4);
    this.apiKey = ((prefix[8] ?? 0) << 8) | (prefix[9] ?? 0);
    this.apiVersion = prefix[10] ?? 0;
    this.flags = prefix[11] ?? 0;
    this.body = bytes.subarray(rest.start, rest.start + rest.bodyBytes);
    this.payload = bytes.subarray(rest.start + rest.bodyBytes, rest.start + rest.restBytes);
    this.memory = rest.memory;
  }

  takePayload(): Uint8Array {
    if (this.memory === undefined) return Uint8Array.prototype.slice.call(this.payload);
    if (!this.#isTaken) this.memory.retain();
    this.#isTaken = true;
    return this.payload;
  }

  giveBackPayload(): void {
    if (!this.#isTaken) return;
    this.#isTaken = false;
    this.memory?.release();
  }
}

function readUint32(bytes: Uint8Array, position: number): number {
  return (
    (((bytes[position] ?? 0) << 24) |
      ((bytes[position + 1] ?? 0) << 16) |
      ((bytes[position + 2] ?? 0) << 8) |
      (bytes[position + 3] ?? 0)) >>>
    0
  );
}
