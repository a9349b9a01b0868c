/**
 * One direction of a connection: bytes on their way from one socket to the other.
 *
 *     write -> #queue --(window)--> #segments (on the link) --(arrival)--> receiver's onData
 *                 ^                                                              |
 *                 +------- #acknowledgements (on the link back) free the window <+
 *
 * - Segments have random sizes, so frames are cut anywhere; they arrive in order.
 * - A receiver that pauses keeps its segments here: the window fills, then the sender's queue: back pressure.
 * - Over a cut link nothing arrives and no acknowledgement returns; `heal` sets both going again.
 * - Acknowledgements are looked at when something is to be sent; only one that the sender waits for is an event.
 */
import type { RandomStream } from '@millrace/base';
import type { Scheduler } from '../simulation/scheduler.js';
import type { Links } from './links.js';
import type { SimulatedSocket } from './simulated-socket.js';

export interface FlowOptions {
  readonly scheduler: Scheduler;
  readonly links: Links;
  readonly random: RandomStream;
  readonly sender: SimulatedSocket;
  readonly receiver: SimulatedSocket;
}

/** A stretch of bytes, or the end of the stream. */
type Segment = Uint8Array | 'end';

interface Acknowledgement {
  readonly timeUs: number;
  readonly bytes: number;
}

const windowBytes = 64 * 1024;

export class Flow {
  readonly #options: FlowOptions;
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  /** Sent and not acknowledged: on the link, or waiting at the receiver. */
  #outstandingBytes = 0;
  /** On the link, in order; the first `#arrived` have reached the receiver's machine. */
  readonly #segments: Segment[] = [];
  #arrived = 0;
  /** What travelled met a cut link or a machine without power: it is to be sent again. */
  #isStalled = false;
  #lastArrivalUs = 0;
  /** Given to the receiver, while the link back was cut. */
  #unacknowledgedBytes = 0;
  #acknowledgements: Acknowledgement[] = [];
  #isAwaitingRoom = false;
  #isEnding = false;
  #isEndSent = false;

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether the end of the stream has left the sender. */
  get isEndSent(): boolean {
    return this.#isEndSent;
  }

  get hasUnread(): boolean {
    return this.#segments.some((segment) => segment !== 'end');
  }

  /** Nothing arrives before this moment. */
  startAt(timeUs: number): void {
    this.#lastArrivalUs = timeUs;
  }

  add(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
  }

  /** The stream ends after what is queued. */
  end(): void {
    this.#isEnding = true;
  }

  dropQueue(): void {
    this.#queue = [];
    this.#queuedBytes = 0;
  }

  /** Forgets all: a reset, or the end of the sender's machine. */
  dropAll(): void {
    this.dropQueue();
    this.#segments.length = 0;
    this.#arrived = 0;
  }

  /** Puts on the link what the window allows. */
  send(): void {
    if (this.#queuedBytes > 0) this.#takeAcknowledgements();
    while (this.#queuedBytes > 0 && this.#outstandingBytes < windowBytes) {
      const room = windowBytes - this.#outstandingBytes;
      const segment = this.#takeQueued(Math.min(this.#queuedBytes, room, this.#segmentBytes()));
      this.#outstandingBytes += segment.length;
      this.#transmit(segment);
    }
    if (this.#queuedBytes > 0) this.#awaitRoom();
    if (this.#isEnding && !this.#isEndSent && this.#queuedBytes === 0) {
      this.#isEndSent = true;
      this.#transmit('end');
    }
  }

  /** Gives the receiver what has arrived, as long as it takes it. */
  deliver(): void {
    const { receiver } = this.#options;
    while (this.#arrived > 0 && receiver.isReading) {
      const segment = this.#segments.shift() as Segment;
      this.#arrived -= 1;
      if (segment === 'end') {
        receiver.receiveEnd();
        continue;
      }
      this.#unacknowledgedBytes += segment.length;
      receiver.receive(segment);
    }
    this.#acknowledge();
  }

  /** A link of this connection works again. */
  healed(): void {
    if (this.#isStalled) this.sendAgain();
    this.#acknowledge();
  }

  /** Everything that has not arrived is sent again. */
  sendAgain(): void {
    this.#isStalled = false;
    const waiting = this.#segments.length - this.#arrived;
    for (let index = 0; index < waiting; index += 1) this.#scheduleArrival(0);
  }

  #transmit(segment: Segment): void {
    this.#segments.push(segment);
    if (!this.#isStalled) this.#scheduleArrival(segment === 'end' ? 0 : segment.length);
  }

  #scheduleArrival(sizeBytes: number): void {
    const { scheduler, links, sender, receiver } = this.#options;
    const { nowUs } = scheduler;
    const arrivalUs = nowUs + links.delayUs(sender.node, receiver.node, { nowUs, sizeBytes });
    this.#lastArrivalUs = Math.max(arrivalUs, this.#lastArrivalUs + 1);
    scheduler.schedule({
      owner: receiver.incarnation.state === 'ended' ? undefined : receiver.incarnation,
      delayUs: this.#lastArrivalUs - nowUs,
      kind: 'arrive',
      run: () => {
        this.#arrive();
      },
    });
  }

  #arrive(): void {
    const { links, sender, receiver } = this.#options;
    if (this.#segments.length === this.#arrived) return;
    if (links.isCut(sender.node, receiver.node) || !receiver.isMachineUp) {
      this.#isStalled = true;
      return;
    }
    if (this.#isStalled) return;
    if (receiver.isGone) {
      const [segment] = this.#segments.splice(this.#arrived, 1);
      if (segment !== 'end') receiver.refuse();
      return;
    }
    this.#arrived += 1;
    this.deliver();
  }

  #acknowledge(): void {
    const { scheduler, links, sender, receiver } = this.#options;
    if (this.#unacknowledgedBytes === 0 || links.isCut(receiver.node, sender.node)) return;
    const { nowUs } = scheduler;
    const delayUs = links.delayUs(receiver.node, sender.node, { nowUs, sizeBytes: 0 });
    this.#acknowledgements.push({ timeUs: nowUs + delayUs, bytes: this.#unacknowledgedBytes });
    this.#unacknowledgedBytes = 0;
    if (this.#queuedBytes > 0) this.#awaitRoom();
  }

  #takeAcknowledgements(): void {
    const { nowUs } = this.#options.scheduler;
    const later: Acknowledgement[] = [];
    for (const acknowledgement of this.#acknowledgements) {
      if (acknowledgement.timeUs > nowUs) later.push(acknowledgement);
      else this.#outstandingBytes -= acknowledgement.bytes;
    }
    this.#acknowledgements = later;
  }

  /** The window is full: the next acknowledgement lets more of the queue go. */
  #awaitRoom(): void {
    if (this.#isAwaitingRoom || this.#acknowledgements.length === 0) return;
    this.#isAwaitingRoom = true;
    const { scheduler, sender } = this.#options;
    const nextUs = this.#acknowledgements.reduce((first, { timeUs }) => Math.min(first, timeUs), Infinity);
    scheduler.schedule({
      owner: sender.incarnation,
      delayUs: nextUs - scheduler.nowUs,
      kind: 'acknowledge',
      run: () => {
        this.#isAwaitingRoom = false;
        sender.flush();
      },
    });
  }

  /** Mostly what one read of a real socket returns; sometimes a few bytes. */
  #segmentBytes(): number {
    const { random } = this.#options;
    return random.integer(0, 8) === 0 ? random.integer(1, 64) : random.integer(1024, windowBytes);
  }

  #takeQueued(count: number): Uint8Array {
    // From the pool of small buffers: most segments are one message of a hundred bytes.
    const segment: Uint8Array = Buffer.allocUnsafe(count);
    let filled = 0;
    while (filled < count) {
      const piece = this.#queue[0] as Uint8Array;
      const taken = piece.subarray(0, count - filled);
      segment.set(taken, filled);
      filled += taken.length;
      if (taken.length === piece.length) this.#queue.shift();
      else this.#queue[0] = piece.subarray(taken.length);
    }
    this.#queuedBytes -= count;
    return segment;
  }
}
