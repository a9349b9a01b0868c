/**
 * The transaction coordinator of this node: takes the requests to the state machine of the right partition, has the
 * markers of what is decided written, and sees to what has to happen without a request: transactions whose time is over, ids
 * that nobody uses.
 *
 * What it holds beside the state machines (who is open since when, markers on their way, who waits) is made anew with
 * each leadership from the state that was loaded. So each step goes on after a failover: what was decided is told to the
 * partitions by whoever coordinates then.
 */
import { type Clock, errorMessage, type Logger, type Metrics, type Timer } from '@millrace/base';
import {
  type AddPartitionsToTxnRequest,
  type EndTxnRequest,
  type InitProducerIdRequest,
  type ListTransactionsRequest,
  protocolError,
} from '@millrace/protocol';
import type { RandomStream } from '@millrace/base';
import type { ControllerGateway } from '../../controller-gateway.js';
import type { Leadership } from '../../partition/leadership.js';
import type { Partition } from '../../partition/partition.js';
import type { Partitions } from '../../partitions.js';
import type { ProducerIds } from '../../producer-ids.js';
import { partitionKey } from '../assignor/topic-partition.js';
import type { CoordinatorObserver } from '../host/coordinator-partition.js';
import { type CoordinatorAddress, Coordinators } from '../host/coordinators.js';
import type { ListedTransaction, TransactionDescription } from './decisions/describe-transactions.js';
import type { IdentityReply } from './decisions/identity-reply.js';
import { EndingWaiters } from './ending-waiters.js';
import type { MarkerSender } from './marker-sender.js';
import { type TransactionEntry, transactionEntryCodec } from './transaction-entry.js';
import {
  type TransactionCommand,
  transactionMachine,
  type TransactionReplies,
  type TransactionReply,
} from './transaction-machine.js';
import { TransactionMetrics } from './transaction-metrics.js';
import type { TransactionSettings } from './transaction-settings.js';
import {
  isCommit,
  isEnding,
  isSame,
  type ProducerIdentity,
  type TransactionsState,
  type TransactionState,
} from './transaction-state.js';

export interface TransactionCoordinatorOptions {
  readonly settings: TransactionSettings;
  readonly controller: ControllerGateway;
  readonly partitions: Partitions;
  readonly producerIds: ProducerIds;
  readonly markers: MarkerSender;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly metrics: Metrics;
  /** Others may lead what this node thinks it leads. */
  readonly mayBeReplaced: () => boolean;
}

interface OpenTransaction {
  readonly state: TransactionState;
  /** When its time is over, as this process lives through it: wall clocks jump, and one that went back would keep it open. */
  readonly overMs: number;
}

/** What the coordinator holds for one partition that is led here. */
interface LedTransactions {
  /** By transactional id. */
  readonly open: Map<string, OpenTransaction>;
  readonly isExpiring: Set<string>;
  readonly waiters: EndingWaiters;
  isOver: boolean;
}

type KeyedCommand = Exclude<TransactionCommand, { readonly kind: 'list-transactions' }>;
type IdentityCommand = Extract<TransactionCommand, { readonly kind: 'init-producer' | 'end-transaction' }>;

/** Of all partitions together, before one has to wait for another. */
const idsPerTurn = 1000;

export class TransactionCoordinator {
  readonly #options: TransactionCoordinatorOptions;
  readonly #coordinators: Coordinators<TransactionsState, TransactionCommand, TransactionEntry, TransactionReply>;
  readonly #metrics: TransactionMetrics;
  readonly #led = new Map<number, LedTransactions>();
  #tick: Timer | undefined;
  #idCheck: Timer | undefined;
  #isClosed = false;

  constructor(options: TransactionCoordinatorOptions) {
    const { settings, controller, partitions, clock, logger, random, mayBeReplaced } = options;
    this.#options = options;
    this.#metrics = new TransactionMetrics(options.metrics);
    this.#coordinators = new Coordinators({
      coordinator: {
        name: 'transaction coordinator',
        machine: transactionMachine(settings),
        codec: transactionEntryCodec,
      },
      topic: settings.topic,
      controller,
      partitions,
      clock,
      logger,
      random,
      maxPending: settings.maxPending,
      mayBeReplaced,
      observe: (index, leadership) => this.#observer(index, leadership),
    });
    this.#observe();
    this.#scheduleTick();
    this.#scheduleIdCheck();
  }

  onRole(partition: Partition): void {
    this.#coordinators.onRole(partition);
  }

  async find(transactionalId: string): Promise<CoordinatorAddress> {
    requireId(transactionalId);
    return this.#coordinators.find(transactionalId);
  }

  async initProducer(request: InitProducerIdRequest & { transactionalId: string }): Promise<ProducerIdentity> {
    const { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request;
    requireId(transactionalId);
    if (producerId < 0 !== producerEpoch < 0) {
      throw protocolError('INVALID_REQUEST', 'A producer names both its id and its epoch, or neither.');
    }
    const expected = producerId < 0 ? undefined : { producerId, producerEpoch };
    return this.#identity({ kind: 'init-producer', transactionalId, timeoutMs, expected, newProducerId: -1 });
  }

  /** Resolves with what the producer uses for its next transaction, when it is decided durably. */
  async end(request: EndTxnRequest): Promise<ProducerIdentity> {
    const { transactionalId, producerId, producerEpoch, committed: isCommitted } = request;
    const identity = { producerId, producerEpoch };
    return this.#identity({ kind: 'end-transaction', transactionalId, identity, isCommitted, newProducerId: -1 });
  }

  /** Resolves when the transaction has these partitions, durably. */
  async addPartitions(request: AddPartitionsToTxnRequest): Promise<void> {
    const { transactionalId, producerId, producerEpoch, partitions } = request;
    const identity = { producerId, producerEpoch };
    const keys = partitions.map(({ topicId, partition }) => partitionKey(topicId, partition));
    const untilMs = this.#nowMs + this.#options.settings.maxEndWaitMs;
    for (;;) {
      const { image } = this.#options.controller;
      const reply = await this.#submit({ kind: 'add-partitions', transactionalId, identity, partitions: keys, image });
      if (reply.kind === 'added') return;
      await this.#waitForEnd(transactionalId, untilMs);
    }
  }

  describe(transactionalId: string): Promise<TransactionDescription> {
    return this.#submit({ kind: 'describe-transaction', transactionalId });
  }

  /** Those of all partitions that are led here. Rejects while one of them is loading. */
  async list(request: ListTransactionsRequest): Promise<ListedTransaction[]> {
    const found = await Promise.all(
      [...this.#coordinators.led].map(([index]) =>
        this.#coordinators.submitTo(index, { kind: 'list-transactions', request }),
      ),
    );
    const listed = (found as (readonly ListedTransaction[])[]).flat();
    return listed.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1));
  }

  /** Transactional ids that nobody has used for long, in every partition that is led here. */
  async forgetUnused(): Promise<void> {
    const { clock, settings } = this.#options;
    let turn = 0;
    for (const [index, led] of [...this.#coordinators.led]) {
      if (!led.isActive) continue;
      for (const { transactionalId, updatedMs } of [...led.state.values()]) {
        turn += 1;
        if (turn % idsPerTurn === 0) await new Promise<void>((resolve) => clock.nextTurn(resolve));
        if (clock.wallMs() - updatedMs < settings.idExpirationMs) continue;
        await this.#coordinators.tend(index, { kind: 'forget-transactional-id', transactionalId });
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
    this.#idCheck?.cancel();
    this.#coordinators.close();
  }

  async #identity(command: IdentityCommand): Promise<ProducerIdentity> {
    const untilMs = this.#nowMs + this.#options.settings.maxEndWaitMs;
    let newProducerId = -1;
    for (;;) {
      const reply: IdentityReply = await this.#submit({ ...command, newProducerId });
      if (reply.kind === 'identity') return reply;
      if (reply.kind === 'ending') await this.#waitForEnd(command.transactionalId, untilMs);
      else newProducerId = await this.#options.producerIds.next();
    }
  }

  /** Rejects with CONCURRENT_TRANSACTIONS when it takes too long. */
  async #waitForEnd(transactionalId: string, untilMs: number): Promise<void> {
    const index = this.#coordinators.indexOf(transactionalId);
    const led = index === undefined ? undefined : this.#led.get(index);
    const state = this.#stateOf(index, transactionalId);
    if (led === undefined || state === undefined || !isEnding(state)) return;
    if (await led.waiters.wait(transactionalId, untilMs - this.#nowMs)) return;
    throw protocolError(
      'CONCURRENT_TRANSACTIONS',
      `The last transaction of ${JSON.stringify(transactionalId)} is decided, and its partitions are still being told: try again in a moment.`,
    );
  }

  #stateOf(index: number | undefined, transactionalId: string): TransactionState | undefined {
    for (const [led, partition] of this.#coordinators.led) {
      if (led === index) return partition.state.get(transactionalId);
    }
    return undefined;
  }

  #submit<Command extends KeyedCommand>(command: Command): Promise<TransactionReplies[Command['kind']]> {
    return this.#coordinators.submit(command.transactionalId, command) as Promise<TransactionReplies[Command['kind']]>;
  }

  #observer(index: number, { leaderEpoch }: Leadership): CoordinatorObserver<TransactionsState, TransactionEntry> {
    const { clock, logger } = this.#options;
    const led: LedTransactions = {
      open: new Map(),
      isExpiring: new Set(),
      waiters: new EndingWaiters(clock),
      isOver: false,
    };
    return {
      loaded: (state, durationMs) => {
        this.#led.set(index, led);
        this.#metrics.loadSeconds.record(durationMs / 1000);
        logger.info('transaction coordinator serves', { partition: index, ids: state.size, durationMs });
        led.open.clear();
        for (const transaction of state.values()) this.#note(index, leaderEpoch, led, transaction);
      },
      committed: (_state, entries) => {
        this.#metrics.committed(entries);
        for (const { transactionalId, value } of entries) {
          if (value?.status !== 'ongoing') led.open.delete(transactionalId);
          if (value !== null) this.#note(index, leaderEpoch, led, value);
          if (value === null || !isEnding(value)) led.waiters.ended(transactionalId);
        }
      },
      ended: () => {
        led.isOver = true;
        if (this.#led.get(index) === led) this.#led.delete(index);
        led.waiters.allEnded();
      },
    };
  }

  #note(index: number, coordinatorEpoch: number, led: LedTransactions, state: TransactionState): void {
    const { transactionalId, last, partitions, metadataPosition } = state;
    if (state.status === 'ongoing') led.open.set(transactionalId, { state, overMs: this.#overMs(led, state) });
    if (!isEnding(state) || last === undefined) return;
    const decidedMs = this.#nowMs;
    this.#options.markers.add({
      transactionalId,
      identity: { producerId: last.producerId, producerEpoch: last.producerEpoch + 1 },
      coordinatorEpoch,
      isCommitted: isCommit(state),
      partitions,
      metadataPosition,
      isOver: () => led.isOver,
      onDone: () => {
        this.#metrics.markersWritten(this.#nowMs - decidedMs);
        void this.#complete({ kind: 'complete-transaction', transactionalId, last }, index, led);
        // What they ask for comes after that in the log, and is not answered before both are committed.
        led.waiters.ended(transactionalId);
      },
    });
  }

  #overMs(led: LedTransactions, { transactionalId, current, startedMs, timeoutMs }: TransactionState): number {
    const before = led.open.get(transactionalId);
    if (before !== undefined && isSame(before.state.current, current)) return before.overMs;
    const passedMs = this.#options.clock.wallMs() - startedMs;
    return this.#nowMs + Math.min(Math.max(timeoutMs - passedMs, 0), timeoutMs);
  }

  /** Tried until it is done, or somebody else is to do it: nothing else would come back to it. */
  async #complete(command: TransactionCommand, index: number, led: LedTransactions): Promise<void> {
    const { clock, settings } = this.#options;
    while (!(await this.#coordinators.tend(index, command)) && !led.isOver && !this.#isClosed) {
      await new Promise<void>((resolve) => clock.schedule(settings.tickMs, resolve));
    }
  }

  #scheduleTick(): void {
    const { clock, settings } = this.#options;
    this.#tick = clock.schedule(settings.tickMs, () => {
      this.#expireDue();
      if (!this.#isClosed) this.#scheduleTick();
    });
  }

  #expireDue(): void {
    const nowMs = this.#nowMs;
    for (const [index, { open, isExpiring }] of this.#led) {
      for (const { state, overMs } of open.values()) {
        const { transactionalId, current } = state;
        if (nowMs < overMs || isExpiring.has(transactionalId)) continue;
        isExpiring.add(transactionalId);
        void this.#expire(index, transactionalId, current).finally(() => isExpiring.delete(transactionalId));
      }
    }
  }

  /** Never rejects: what could not be done is due at the next tick again. */
  async #expire(index: number, transactionalId: string, identity: ProducerIdentity): Promise<void> {
    const { logger, producerIds } = this.#options;
    const command = { kind: 'expire-transaction' as const, transactionalId, identity };
    try {
      const reply = await this.#coordinators.submitTo(index, { ...command, newProducerId: -1 });
      if (reply === 'producer-id-needed') {
        await this.#coordinators.submitTo(index, { ...command, newProducerId: await producerIds.next() });
      }
      logger.info('transaction aborted: it was open for too long', { transactionalId, ...identity });
    } catch (error) {
      logger.debug('transaction whose time is over not aborted yet', { transactionalId, error: errorMessage(error) });
    }
  }

  #scheduleIdCheck(): void {
    const { clock, settings, logger } = this.#options;
    this.#idCheck = clock.schedule(settings.idCheckMs, () => {
      void this.forgetUnused()
        .catch((error: unknown) => {
          logger.error('unused transactional ids were not removed; it is tried again', { error: errorMessage(error) });
        })
        .finally(() => {
          if (!this.#isClosed) this.#scheduleIdCheck();
        });
    });
  }

  #observe(): void {
    this.#metrics.ids.observe(() => {
      let ids = 0;
      for (const [, led] of this.#coordinators.led) if (led.isActive) ids += led.state.size;
      return ids;
    });
    this.#metrics.open.observe(() => {
      let open = 0;
      for (const led of this.#led.values()) open += led.open.size;
      return open;
    });
    this.#metrics.ending.observe(() => this.#options.markers.size);
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

function requireId(transactionalId: string): void {
  if (transactionalId === '') throw protocolError('INVALID_REQUEST', 'A transactional id must not be empty.');
}
