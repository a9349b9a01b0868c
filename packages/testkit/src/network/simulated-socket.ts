/**
 * One end of a simulated connection.
 *
 *     open -> ending (our end of stream is queued or sent) -> closed
 *
 * It closes when both ends of stream are through, when the peer does not answer ours for a while, when either side
 * destroys it, or when the peer's machine answers that it knows nothing of it. A chunk is overwritten after `onData`
 * returns: whoever kept a view of it notices.
 */
import { assert, type Address, type Socket, type SocketHandler } from '@millrace/base';
import type { Incarnation } from '../simulation/incarnation.js';
import type { Scheduler } from '../simulation/scheduler.js';
import type { Trace } from '../simulation/trace.js';
import type { Flow } from './flow.js';
import type { Links } from './links.js';

export interface SimulatedSocketOptions {
  readonly scheduler: Scheduler;
  readonly links: Links;
  readonly trace: Trace;
  readonly incarnation: Incarnation;
  readonly remote: Address;
  readonly highWaterMarkBytes: number;
  readonly isMachineUp: (node: string) => boolean;
  readonly onClosed: (socket: SimulatedSocket) => void;
}

const lingerMs = 1000;
const poison = 0xdb;

export class SimulatedSocket implements Socket {
  readonly incarnation: Incarnation;
  readonly remote: Address;
  readonly #options: SimulatedSocketOptions;
  #peer: SimulatedSocket | undefined;
  #out: Flow | undefined;
  #in: Flow | undefined;
  #handler: SocketHandler | undefined;
  #state: 'open' | 'ending' | 'closed' = 'open';
  #isPaused = false;
  #isFlushScheduled = false;
  #isLingering = false;
  #owesDrain = false;
  #hasPeerEnded = false;

  constructor(options: SimulatedSocketOptions) {
    this.#options = options;
    this.incarnation = options.incarnation;
    this.remote = options.remote;
  }

  get node(): string {
    return this.incarnation.node;
  }

  get peer(): SimulatedSocket {
    assert(this.#peer !== undefined, 'a socket gets its peer when it is made');
    return this.#peer;
  }

  get out(): Flow {
    assert(this.#out !== undefined, 'a socket gets its flows when it is made');
    return this.#out;
  }

  /** Whether input is taken now; what comes after our own end of stream is taken and dropped. */
  get isReading(): boolean {
    return this.#state === 'ending' || (this.#state === 'open' && !this.#isPaused);
  }

  /** Whether nobody is here to take or answer anything. */
  get isGone(): boolean {
    return this.#state === 'closed' || this.incarnation.state === 'ended';
  }

  /**
   * Closed without a word that its peer will hear: it was reset while the link was cut. The peer may find out when it writes,
   * and has nothing more to expect.
   */
  get isForgotten(): boolean {
    return this.#state === 'closed' && !this.out.isEndSent && !this.out.hasUnread;
  }

  get isMachineUp(): boolean {
    return this.#options.isMachineUp(this.node);
  }

  get bufferedBytes(): number {
    return this.out.queuedBytes;
  }

  join(peer: SimulatedSocket, flows: { readonly out: Flow; readonly in: Flow }): void {
    this.#peer = peer;
    this.#out = flows.out;
    this.#in = flows.in;
  }

  setHandler(handler: SocketHandler): void {
    this.#handler = handler;
  }

  write(bytes: Uint8Array): boolean {
    this.incarnation.assertAlive();
    if (this.#state !== 'open') return true;
    if (bytes.length > 0) {
      this.out.add(bytes);
      this.#scheduleFlush();
    }
    if (this.bufferedBytes <= this.#options.highWaterMarkBytes) return true;
    this.#owesDrain = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#schedule('resume', 0, () => {
      this.#in?.deliver();
    });
  }

  end(): void {
    if (this.#state !== 'open') return;
    this.resume();
    this.#state = 'ending';
    this.out.end();
    this.#scheduleFlush();
  }

  destroy(error?: Error): void {
    if (this.#state === 'closed') return;
    this.out.dropQueue();
    if (this.#in?.hasUnread === true) {
      // As a kernel does: input nobody will read is answered with a reset.
      this.refuse();
    } else {
      this.out.end();
      this.out.send();
    }
    this.#close(error);
  }

  /** Sends what can be sent; called in an event of this socket's process. */
  flush(): void {
    if (this.#state === 'closed') return;
    this.out.send();
    if (this.#owesDrain && this.bufferedBytes === 0 && this.#state === 'open') {
      this.#owesDrain = false;
      this.#handler?.onDrain();
    }
    if (!this.out.isEndSent) return;
    if (this.#hasPeerEnded) {
      this.#close(undefined);
    } else if (!this.#isLingering) {
      this.#isLingering = true;
      this.#schedule('linger', lingerMs, () => {
        if (this.#state !== 'closed') this.#close(undefined);
      });
    }
  }

  receive(bytes: Uint8Array): void {
    if (this.#state !== 'open') return;
    const { trace, scheduler } = this.#options;
    assert(this.#handler !== undefined, 'a socket must get its handler in the turn in which it was received');
    trace.add('data', this.node, scheduler.nowUs, bytes);
    this.#handler.onData(bytes);
    bytes.fill(poison);
  }

  /** The peer's stream has ended: ours ends too, after what is queued. */
  receiveEnd(): void {
    this.#hasPeerEnded = true;
    if (this.#state === 'open') {
      this.#state = 'ending';
      this.out.end();
    }
    this.flush();
  }

  /** Bytes came for a connection that this machine knows nothing of (any more): the sender gets a reset. */
  refuse(): void {
    const { scheduler, links } = this.#options;
    const { peer } = this;
    if (links.isCut(this.node, peer.node)) return;
    scheduler.schedule({
      owner: peer.incarnation,
      delayUs: links.delayUs(this.node, peer.node, { nowUs: scheduler.nowUs, sizeBytes: 0 }),
      kind: 'reset',
      run: () => {
        peer.reset();
      },
    });
  }

  /** The connection is gone, with all that was on its way. */
  reset(): void {
    if (this.#state === 'closed') return;
    this.out.dropAll();
    this.#in?.dropAll();
    this.#close(Object.assign(new Error('ECONNRESET: connection reset by peer'), { code: 'ECONNRESET' }));
  }

  #close(error: Error | undefined): void {
    this.#state = 'closed';
    this.#options.onClosed(this);
    this.#schedule('close', 0, () => {
      this.#handler?.onClose(error);
    });
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    this.#options.scheduler.atEndOfStep(this.incarnation, 'send', () => {
      this.#isFlushScheduled = false;
      this.flush();
    });
  }

  #schedule(kind: string, delayMs: number, run: () => void): void {
    this.#options.scheduler.schedule({ owner: this.incarnation, delayUs: delayMs * 1000, kind, run });
  }
}
