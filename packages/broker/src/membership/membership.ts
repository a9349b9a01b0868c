/**
 * This process's place in the cluster: makes itself known to the controller, keeps that alive, and gives it up in order.
 *
 *     outside --registered--> fenced --caught up--> active --stop wanted--> leaving --leads nothing, or time over--> gone
 *        ^                      ^---- silence, as the controller saw it --'
 *        '---- the registration is not known any more: registers again ----'
 *
 * A node that hears nothing from the controller for a whole session may have been replaced in all its offices, and does
 * not know: it takes no more writes for what others could lead, and says so to those who wait for one.
 *
 * A heartbeat that gets no answer in time is given up for the next one; the controller takes each for itself. When the
 * log of a partition that this node leads has failed, and another replica could lead, the node asks to be fenced for one
 * heartbeat: the controller then moves its leaderships, which it could not be made to do otherwise.
 */
import {
  backoffMs,
  type Clock,
  errorCode,
  errorMessage,
  type Logger,
  MillraceError,
  type RandomStream,
  sleep,
  type Timer,
} from '@millrace/base';
import type { BrokerRegistration, ControllerGateway } from '../controller-gateway.js';

export interface MembershipOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly controller: ControllerGateway;
  readonly registration: () => BrokerRegistration;
  /** Last offset of the metadata log that all partitions go by. */
  readonly metadataOffset: () => number;
  /** Whether another node should lead what this one leads, for its disk failed. */
  readonly mustResign: () => boolean;
  readonly heartbeatMs: number;
  readonly sessionTimeoutMs: number;
  /** From now on `mayBeReplaced`. */
  readonly onSilence: () => void;
}

const registerBackoff = { initialMs: 100, maxMs: 2000, jitter: 0.2 };
/** While fenced, and while leaving: the sooner the better. */
const eagerMs = 100;
const resignEveryMs = 10_000;

export class Membership {
  readonly #options: MembershipOptions;
  readonly #stop = new AbortController();
  #brokerEpoch = -1;
  #isFenced = true;
  #lastProblem: string | undefined;
  #timer: Timer | undefined;
  #isLeaving = false;
  #resignedMs = -Infinity;
  /** When the last sign of life that was answered was sent: not before that did the controller hear it. */
  #heardMs = -Infinity;
  #silence: Timer | undefined;

  constructor(options: MembershipOptions) {
    this.#options = options;
  }

  /** Of the newest registration; -1 before the first. */
  get brokerEpoch(): number {
    return this.#brokerEpoch;
  }

  /** As the controller said last. */
  get isFenced(): boolean {
    return this.#isFenced;
  }

  /**
   * Whether the controller may have fenced this node without its knowledge, so that others lead what it thinks it leads.
   * It counts a session from when it hears a sign of life, which is later than when that was sent.
   */
  get mayBeReplaced(): boolean {
    const { clock, sessionTimeoutMs } = this.#options;
    return this.#isFenced || clock.monotonicMs() - this.#heardMs >= sessionTimeoutMs;
  }

  /** Why this node is not a working part of the cluster; undefined when it is. */
  get problem(): string | undefined {
    if (this.#brokerEpoch === -1) return `not registered with the controller yet${this.#because}`;
    if (this.#isFenced) return `fenced by the controller${this.#because}`;
    return undefined;
  }

  /** Registers once. Throws why it cannot. */
  async register(): Promise<void> {
    const { controller, registration, logger, nodeId } = this.#options;
    const { brokerEpoch } = await controller.registerBroker(registration());
    this.#brokerEpoch = brokerEpoch;
    this.#lastProblem = undefined;
    logger.info('registered with the controller', { nodeId, brokerEpoch });
  }

  /** One sign of life. Throws why there was no answer. */
  async beat({ wantShutdown = false, wantFence = false } = {}): Promise<{ readonly shouldShutdown: boolean }> {
    const { nodeId, clock, controller, metadataOffset, heartbeatMs } = this.#options;
    const request = {
      nodeId,
      brokerEpoch: this.#brokerEpoch,
      metadataOffset: metadataOffset(),
      wantFence,
      wantShutdown,
    };
    const sentMs = clock.monotonicMs();
    const { isFenced, shouldShutdown } = await this.#inTime(controller.heartbeat(request), Math.max(heartbeatMs, 1000));
    this.#isFenced = isFenced;
    this.#heardMs = Math.max(this.#heardMs, sentMs);
    this.#watchSilence();
    this.#lastProblem = undefined;
    return { shouldShutdown };
  }

  /** Goes on by itself: registers where that is still to be done, and beats. */
  start(): void {
    if (this.#brokerEpoch === -1) void this.#registerUntilDone();
    else this.#beatAfter(this.#isFenced ? eagerMs : this.#options.heartbeatMs);
  }

  /** Something may have changed that lets the controller end the fencing. */
  nudge(): void {
    if (this.#brokerEpoch !== -1 && this.#isFenced && !this.#isLeaving && this.#timer !== undefined) this.#beatAfter(0);
  }

  /** Gives up leaderships first. Resolves when this node leads nothing any more, or the time is over. */
  async leave(timeoutMs: number): Promise<void> {
    const { clock, logger } = this.#options;
    this.#isLeaving = true;
    this.#timer?.cancel();
    this.#silence?.cancel();
    this.#stop.abort();
    if (this.#brokerEpoch === -1) return;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    let reason = 'its leaderships have not all moved';
    for (;;) {
      try {
        const leftMs = deadlineMs - clock.monotonicMs();
        const { shouldShutdown } = await this.#inTime(this.beat({ wantShutdown: true }), Math.max(1, leftMs));
        if (shouldShutdown) return;
      } catch (error) {
        reason = errorMessage(error);
        if (errorCode(error) === 'STALE_BROKER_EPOCH') return;
      }
      if (clock.monotonicMs() + eagerMs >= deadlineMs) break;
      await sleep(clock, eagerMs);
    }
    logger.warn('stopping without having handed over everything', { timeoutMs, reason });
  }

  /** No further sign of life. */
  stop(): void {
    this.#isLeaving = true;
    this.#timer?.cancel();
    this.#silence?.cancel();
    this.#stop.abort();
  }

  get #because(): string {
    return this.#lastProblem === undefined ? '' : `: ${this.#lastProblem}`;
  }

  async #registerUntilDone(): Promise<void> {
    const { clock, random, logger } = this.#options;
    const { signal } = this.#stop;
    for (let attempt = 1; ; attempt++) {
      try {
        await sleep(clock, backoffMs(attempt, registerBackoff, random), signal);
        await this.register();
        this.#beatAfter(0);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#lastProblem = errorMessage(error);
        const facts = { attempt, code: errorCode(error), error: errorMessage(error) };
        if (attempt % 10 === 3) logger.warn('cannot register with the controller; it is tried again', facts);
        else logger.debug('cannot register with the controller', facts);
      }
    }
  }

  #watchSilence(): void {
    const { clock, sessionTimeoutMs, onSilence, logger } = this.#options;
    this.#silence?.cancel();
    if (this.#stop.signal.aborted) return;
    this.#silence = clock.schedule(Math.max(0, this.#heardMs + sessionTimeoutMs - clock.monotonicMs()), () => {
      logger.warn('the controller has not answered for a whole session: others may lead what this node leads', {
        sessionTimeoutMs,
      });
      onSilence();
    });
  }

  #beatAfter(delayMs: number): void {
    this.#timer?.cancel();
    if (this.#isLeaving) return;
    this.#timer = this.#options.clock.schedule(delayMs, () => {
      this.#timer = undefined;
      void this.#beatOnce();
    });
  }

  async #beatOnce(): Promise<void> {
    const { clock, logger, heartbeatMs, mustResign } = this.#options;
    const startedMs = clock.monotonicMs();
    const wantFence = mustResign() && startedMs - this.#resignedMs >= resignEveryMs;
    try {
      if (wantFence) {
        this.#resignedMs = startedMs;
        logger.warn(
          'asking the controller to move leaderships away: a log that this node leads has failed, or its disk hangs',
        );
      }
      await this.beat({ wantFence });
      const nextMs = wantFence ? 0 : this.#isFenced ? Math.min(eagerMs, heartbeatMs) : heartbeatMs;
      this.#beatAfter(Math.max(0, startedMs + nextMs - clock.monotonicMs()));
    } catch (error) {
      this.#lastProblem = errorMessage(error);
      const code = errorCode(error);
      logger.debug('no answer to a heartbeat', { code, error: errorMessage(error) });
      if (this.#isLeaving) return;
      if (code === 'STALE_BROKER_EPOCH' || code === 'BROKER_ID_NOT_REGISTERED') {
        logger.warn('the registration of this node is not known any more; it registers again', {
          brokerEpoch: this.#brokerEpoch,
          error: errorMessage(error),
        });
        this.#isFenced = true;
        void this.#registerUntilDone();
      } else {
        this.#beatAfter(Math.min(eagerMs * 2, heartbeatMs));
      }
    }
  }

  #inTime<Value>(promise: Promise<Value>, timeoutMs: number): Promise<Value> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const timer = clock.schedule(timeoutMs, () => {
        reject(
          new MillraceError('REQUEST_TIMED_OUT', `The controller did not answer within ${timeoutMs} ms.`, {
            retriable: true,
          }),
        );
      });
      promise.then(resolve, reject).finally(() => timer.cancel());
    });
  }
}
