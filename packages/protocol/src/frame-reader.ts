/**
 * Cuts a byte stream into frames.
 *
 * States: prefix (fewer than 16 bytes of the next frame are known) -> rest (body and payload) -> prefix. A framing
 * error leads to `ended` from either: nothing after it can be trusted, so the connection must be closed.
 *
 * A frame that lies within one chunk is not copied. One that spans chunks is put together in a slab, which is taken
 * only after the length was checked and grows with the bytes that arrive: a peer cannot make us hold more than a few
 * times what it sent.
 */
import type { MillraceError } from '@millrace/base';
import { frameHeaderBytes, framePrefixBytes, knownFlags, type FrameHeader } from './frame.js';
import { otherProtocol } from './other-protocol.js';
import { protocolError } from './protocol-error.js';
import { SlabPool } from './slab-pool.js';

/** A received frame. `body` and `payload` are views, valid only during `onFrame`; `takePayload` outlives it. */
export interface Frame extends FrameHeader {
  readonly body: Uint8Array;
  readonly payload: Uint8Array;
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

  /** Takes what arrived. Calls `onFrame` for each frame that is complete; `chunk` is not kept. */
  push(chunk: Uint8Array): void {
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
    if (this.#slab !== undefined) this.#slabs.give(this.#slab);
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
    if (this.#restBytes === 0) this.#deliver(chunk, position + count, false);
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
      this.#deliver(chunk, position, false);
      return position + count;
    }

    const slab = this.#growSlab(this.#restLength + count);
    slab.set(chunk.subarray(position, position + count), this.#restLength);
    this.#restLength += count;
    if (this.#restLength === this.#restBytes) this.#deliver(slab, 0, true);
    return position + count;
  }

  #growSlab(neededBytes: number): Uint8Array {
    const old = this.#slab;
    if (old !== undefined && old.length >= neededBytes) return old;
    // A slab that lies ready costs nothing more, however long the frame says it is.
    const slab = this.#slabs.takeFree(this.#restBytes) ?? this.#slabs.take(Math.min(this.#restBytes, neededBytes * 4));
    if (old !== undefined) {
      slab.set(old.subarray(0, this.#restLength));
      this.#slabs.give(old);
    }
    this.#slab = slab;
    return slab;
  }

  #deliver(memory: Uint8Array, start: number, isSlab: boolean): void {
    const prefix = this.#prefix;
    const frame = new ReceivedFrame(prefix, memory, {
      start,
      bodyBytes: this.#bodyBytes,
      restBytes: this.#restBytes,
      slabs: isSlab ? this.#slabs : undefined,
    });
    // Ready for the next frame before the callback, which may close the reader.
    this.#prefixLength = 0;
    this.#restLength = 0;
    this.#slab = undefined;
    this.#framesRead += 1;
    try {
      this.#onFrame(frame);
    } finally {
      if (isSlab && !frame.isTaken) this.#slabs.give(memory);
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
  readonly #memory: Uint8Array;
  /** Where the memory came from; undefined when it is the chunk that arrived. */
  readonly #slabs: SlabPool | undefined;
  isTaken = false;
  #isGivenBack = false;

  constructor(
    prefix: Uint8Array,
    memory: Uint8Array,
    rest: {
      readonly start: number;
      readonly bodyBytes: number;
      readonly restBytes: number;
      readonly slabs: SlabPool | undefined;
    },
  ) {
    this.correlationId = readUint32(prefix, 4);
    this.apiKey = ((prefix[8] ?? 0) << 8) | (prefix[9] ?? 0);
    this.apiVersion = prefix[10] ?? 0;
    this.flags = prefix[11] ?? 0;
    this.body = memory.subarray(rest.start, rest.start + rest.bodyBytes);
    this.payload = memory.subarray(rest.start + rest.bodyBytes, rest.start + rest.restBytes);
    this.#memory = memory;
    this.#slabs = rest.slabs;
  }

  takePayload(): Uint8Array {
    if (this.#slabs === undefined) return Uint8Array.prototype.slice.call(this.payload);
    this.isTaken = true;
    return this.payload;
  }

  giveBackPayload(): void {
    if (this.#slabs === undefined || !this.isTaken || this.#isGivenBack) return;
    this.#isGivenBack = true;
    this.#slabs.give(this.#memory);
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
