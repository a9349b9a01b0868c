/**
 * The one door through which anything gets into a transaction: before the first write of a transaction to a partition,
 * whoever is to write asks the coordinator of the transactional id to add the partition (KIP-890).
 *
 * The coordinator has it on record then, and its end will reach the partition; a transaction that is over, or that was
 * never begun, is refused. So no write can leave a transaction open for ever.
 */
import {
  backoffMs,
  type Clock,
  errorCode,
  errorMessage,
  MillraceError,
  type RandomStream,
  sleep,
} from '@millrace/base';
import { type AddPartitionsToTxnRequest, protocolError } from '@millrace/protocol';
import { keyPartition } from '../host/key-partition.js';

export interface TransactionIdentity {
  readonly transactionalId: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface TransactionPartition {
  readonly topicId: string;
  readonly partition: number;
}

export interface TransactionVerifierOptions {
  readonly clock: Clock;
  readonly random: RandomStream;
  /** Leaders of the coordinator's topic, by partition (-1: none); undefined while there is no such topic. */
  readonly coordinators: () => readonly number[] | undefined;
  /** Asks a node, which may be this one. */
  readonly ask: (nodeId: number, request: AddPartitionsToTxnRequest) => Promise<void>;
}

const backoff = { initialMs: 20, maxMs: 250, jitter: 0.2 };
/** Beyond that whoever wants to write is told to try again. */
const maxAskingMs = 2000;

export class TransactionVerifier {
  readonly #options: TransactionVerifierOptions;
  readonly #end = new AbortController();

  constructor(options: TransactionVerifierOptions) {
    this.#options = options;
  }

  /** Resolves when the coordinator has these partitions in the transaction, durably. */
  async add(identity: TransactionIdentity, partitions: readonly TransactionPartition[]): Promise<void> {
    const { clock, random, ask } = this.#options;
    const untilMs = clock.monotonicMs() + maxAskingMs;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await ask(this.#coordinatorOf(identity), { ...identity, partitions });
        return;
      } catch (error) {
        const isOver = clock.monotonicMs() >= untilMs || this.#end.signal.aborted;
        if (isOver || !isPassing(error)) throw asOfWriter(error);
      }
      await sleep(clock, backoffMs(attempt, backoff, random), this.#end.signal).catch(() => {
        throw protocolError('BROKER_SHUTTING_DOWN', 'The broker is stopping.');
      });
    }
  }

  close(): void {
    this.#end.abort();
  }

  #coordinatorOf({ transactionalId }: TransactionIdentity): number {
    const leaders = this.#options.coordinators();
    const leader = leaders === undefined ? -1 : (leaders[keyPartition(transactionalId, leaders.length)] ?? -1);
    if (leader !== -1) return leader;
    throw protocolError(
      'COORDINATOR_NOT_AVAILABLE',
      'The coordinator of this transaction has no leader at the moment.',
    );
  }
}

/** Whether asking again soon may help. The coordinator itself waits for a transaction that is being ended. */
function isPassing(error: unknown): boolean {
  return error instanceof MillraceError && error.retriable && error.code !== 'CONCURRENT_TRANSACTIONS';
}

/** A coordinator says that the producer is fenced; who only knows partitions says that its epoch is over. */
function asOfWriter(error: unknown): unknown {
  if (errorCode(error) !== 'PRODUCER_FENCED') return error;
  return protocolError('INVALID_PRODUCER_EPOCH', errorMessage(error), error);
}
