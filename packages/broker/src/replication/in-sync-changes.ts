/**
 * Carries proposals for in-sync sets to the controller, and what became of them back.
 *
 * One request is under way at a time, with all that was proposed meanwhile. What the answer says of one partition:
 *
 *     accepted                        the leader goes by it at once; the metadata that says the same comes later
 *     INELIGIBLE_REPLICA, OPERATION_NOT_ATTEMPTED
 *                                     surely not applied; proposed again later, if it is still wanted
 *     anything else, or no answer     it may be applied, or have been: the leader goes by the maximal set until it sees
 *                                     a newer partition epoch, and asks again later
 *
 * After anything but an acceptance the partition is left in peace for a while, longer with each time.
 */
import { backoffMs, type Clock, errorCode, errorMessage, type Logger, type RandomStream } from '@millrace/base';
import {
  type AlterPartitionRequest,
  type AlterPartitionResponse,
  errorByNumber,
  errorFromWire,
} from '@millrace/protocol';
import type { InSyncProposal } from '../partition/in-sync-set.js';
import type { EligibleBrokerEpoch, Leadership } from '../partition/leadership.js';
import type { InSyncChanges, ProposalOutcome } from '../partition/partition-host.js';
import type { Partition } from '../partition/partition.js';

export interface InSyncChangeSenderOptions {
  readonly nodeId: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly brokerEpoch: () => number;
  /** Of active brokers, by the latest metadata. */
  readonly eligibleEpoch: EligibleBrokerEpoch;
  /** Of brokers in whatever state. */
  readonly registeredEpoch: EligibleBrokerEpoch;
  readonly alterPartition: (request: AlterPartitionRequest) => Promise<AlterPartitionResponse>;
}

interface Change {
  readonly partition: Partition;
  readonly leadership: Leadership;
  readonly proposal: InSyncProposal;
}

interface Pause {
  readonly failures: number;
  readonly untilMs: number;
}

const backoff = { initialMs: 50, maxMs: 5000, jitter: 0.2 };
const maxPartitionsPerRequest = 1000;

export class InSyncChangeSender implements InSyncChanges {
  readonly eligibleEpoch: EligibleBrokerEpoch;
  readonly #options: InSyncChangeSenderOptions;
  readonly #pauses = new WeakMap<Partition, Pause>();
  #waiting: Change[] = [];
  #isSending = false;
  #isClosed = false;

  constructor(options: InSyncChangeSenderOptions) {
    this.eligibleEpoch = options.eligibleEpoch;
    this.#options = options;
  }

  mayPropose(partition: Partition): boolean {
    const pause = this.#pauses.get(partition);
    return !this.#isClosed && (pause === undefined || this.#options.clock.monotonicMs() >= pause.untilMs);
  }

  submit(partition: Partition, leadership: Leadership, proposal: InSyncProposal): void {
    this.#waiting.push({ partition, leadership, proposal });
    if (this.#isSending) return;
    this.#isSending = true;
    // With what else this turn of the loop finds to propose.
    this.#options.clock.nextTurn(() => void this.#sendAll());
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const changes = this.#waiting.splice(0, maxPartitionsPerRequest);
      const current = changes.filter(({ partition, leadership }) => partition.leadership === leadership);
      if (current.length > 0) await this.#send(current);
    }
    this.#isSending = false;
  }

  /** Never rejects. */
  async #send(changes: readonly Change[]): Promise<void> {
    const { nodeId, brokerEpoch, alterPartition, logger } = this.#options;
    try {
      const partitions = changes.map((change) => this.#entryOf(change));
      const reply = await alterPartition({ brokerId: nodeId, brokerEpoch: brokerEpoch(), partitions });
      const refusal = errorFromWire(reply, 'AlterPartition');
      if (refusal !== undefined) throw refusal;
      for (const [index, change] of changes.entries()) this.#answered(change, reply.partitions[index]);
    } catch (error) {
      logger.warn('in-sync sets cannot be changed at the moment; it is tried again', {
        partitions: changes.length,
        code: errorCode(error),
        error: errorMessage(error),
      });
      for (const change of changes) this.#settle(change, { kind: 'unknown' });
    }
  }

  #entryOf({ partition, leadership, proposal }: Change): AlterPartitionRequest['partitions'][number] {
    const { nodeId, brokerEpoch, registeredEpoch } = this.#options;
    const newIsr = proposal.isr.map((member) => {
      if (member === nodeId) return { brokerId: member, brokerEpoch: brokerEpoch() };
      // A member that has not fetched in this epoch is in the set already: as whoever the metadata says it is.
      const heard = leadership.follower(member)?.brokerEpoch ?? -1;
      return { brokerId: member, brokerEpoch: heard >= 0 ? heard : (registeredEpoch(member) ?? 0) };
    });
    return {
      topicId: partition.topicId,
      partition: partition.index,
      leaderEpoch: leadership.leaderEpoch,
      partitionEpoch: proposal.partitionEpoch,
      newIsr,
    };
  }

  #answered(change: Change, result: AlterPartitionResponse['partitions'][number] | undefined): void {
    const { partition, proposal } = change;
    if (result === undefined || result.topicId !== partition.topicId || result.partition !== partition.index) {
      this.#settle(change, { kind: 'unknown' });
      return;
    }
    const { error, message, leaderEpoch, isr, partitionEpoch } = result;
    const code = errorByNumber(error)?.name ?? 'UNKNOWN_SERVER_ERROR';
    if (error === 0) {
      this.#options.logger.info('in-sync set changed', { partition: partition.label, isr, partitionEpoch });
      this.#settle(change, { kind: 'accepted', leaderEpoch, inSync: { isr, partitionEpoch } });
      return;
    }
    this.#options.logger.info('change of an in-sync set refused', {
      partition: partition.label,
      isr: proposal.isr,
      code,
      error: message,
    });
    const isSurelyNotApplied = code === 'INELIGIBLE_REPLICA' || code === 'OPERATION_NOT_ATTEMPTED';
    this.#settle(change, { kind: isSurelyNotApplied ? 'refused' : 'unknown' });
  }

  #settle({ partition, leadership, proposal }: Change, outcome: ProposalOutcome): void {
    partition.inSyncSetAnswered(leadership, proposal, outcome);
    const isSettled = outcome.kind === 'accepted' && !leadership.inSync.isInDoubt;
    if (isSettled) {
      this.#pauses.delete(partition);
      return;
    }
    const failures = (this.#pauses.get(partition)?.failures ?? 0) + 1;
    const { clock, random } = this.#options;
    this.#pauses.set(partition, { failures, untilMs: clock.monotonicMs() + backoffMs(failures, backoff, random) });
  }
}
