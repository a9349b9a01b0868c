/**
 * The group coordinator of this node: takes the requests to the state machine of the right partition, and sees to what has
 * to happen without a request: sessions that end, metadata that changes, offsets that expire, heartbeats that wait.
 *
 * What it holds beside the state machines (timers, waiting heartbeats) is made anew with each leadership, from the state
 * that was loaded: a member gets a whole session from a new coordinator.
 */
import { type Clock, errorMessage, type Logger, type RandomStream, type Timer } from '@millrace/base';
import type { MetadataDelta } from '@millrace/controller/image';
import {
  type ConsumerGroupHeartbeatRequest,
  type ConsumerGroupHeartbeatResponse,
  leaveGroupEpoch,
  type ListGroupsRequest,
  type ListGroupsResponse,
  protocolError,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitResponse,
} from '@millrace/protocol';
import { assignors } from '../assignor/assignors.js';
import type { ControllerGateway } from '../../controller-gateway.js';
import type { Partition } from '../../partition/partition.js';
import type { Partitions } from '../../partitions.js';
import type { CoordinatorObserver } from '../host/coordinator-partition.js';
import { type CoordinatorAddress, Coordinators } from '../host/coordinators.js';
import type { GroupCommand, GroupReplies, GroupReply } from './group-machine.js';
import { groupMachine } from './group-machine.js';
import { hasNews } from './decisions/heartbeat.js';
import type { GroupEntry } from './group-entry.js';
import { groupEntryCodec } from './group-entry-codec.js';
import { GroupMetrics } from './group-metrics.js';
import type { GroupSettings } from './group-settings.js';
import { type GroupsState, producerOf } from './group-state.js';
import { GroupTimers } from './group-timers.js';
import { HeldHeartbeats } from './held-heartbeats.js';
import type { TransactionEnd } from './transaction-end.js';
import { isConcerned } from './subscriptions.js';
import { TransactionalGroups } from './transactional-groups.js';
import type { Metrics } from '@millrace/base';

export interface GroupCoordinatorOptions {
  readonly settings: GroupSettings;
  readonly controller: ControllerGateway;
  readonly partitions: Partitions;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: RandomStream;
  readonly metrics: Metrics;
  /** Others may lead what this node thinks it leads. */
  readonly mayBeReplaced: () => boolean;
}

/** What the coordinator holds for one partition that is led here. */
interface LedGroups {
  readonly timers: GroupTimers;
  readonly held: HeldHeartbeats;
  readonly transactions: TransactionalGroups;
  /** Groups that are yet to be looked at with the metadata as it is: the change could not be written. */
  readonly unnoted: Set<string>;
}

/** Has the partition that a group is kept in taken into the transaction, or rejects. */
type AddToTransaction = (
  partitions: readonly { readonly topicId: string; readonly partition: number }[],
) => Promise<void>;

/** Of all partitions together, before one has to wait for another. */
const groupsPerTurn = 1000;

export class GroupCoordinator {
  readonly #options: GroupCoordinatorOptions;
  readonly #coordinators: Coordinators<GroupsState, GroupCommand, GroupEntry, GroupReply>;
  readonly #metrics: GroupMetrics;
  readonly #led = new Map<number, LedGroups>();
  readonly #unsubscribe: () => void;
  #tick: Timer | undefined;
  #expiry: Timer | undefined;
  #isClosed = false;

  constructor(options: GroupCoordinatorOptions) {
    const { settings, controller, partitions, clock, logger, random, metrics } = options;
    this.#options = options;
    this.#metrics = new GroupMetrics(metrics);
    this.#coordinators = new Coordinators({
      coordinator: {
        name: 'group coordinator',
        machine: groupMachine({ ...settings, assignors }),
        codec: groupEntryCodec,
      },
      topic: settings.topic,
      controller,
      partitions,
      clock,
      logger,
      random,
      maxPending: settings.maxPending,
      mayBeReplaced: options.mayBeReplaced,
      observe: (index) => this.#observer(index),
    });
    this.#unsubscribe = controller.subscribe((_image, delta) => {
      this.#noteMetadata(delta);
    });
    this.#observe();
    this.#scheduleTick();
    this.#scheduleExpiry();
  }

  onRole(partition: Partition): void {
    this.#coordinators.onRole(partition);
  }

  find(group: string): Promise<CoordinatorAddress> {
    return this.#coordinators.find(group);
  }

  async heartbeat(request: ConsumerGroupHeartbeatRequest, host: string): Promise<ConsumerGroupHeartbeatResponse> {
    const { group, memberId, memberEpoch, maxWaitMs } = request;
    const isLeaving = memberEpoch <= leaveGroupEpoch;
    const led = this.#ledOf(group);
    const isKnown = led?.timers.touch(group, memberId, this.#nowMs, { isNew: false }) === true;
    const arrival = isKnown ? led.held.arrived(group, memberId) : 0;
    const { image } = this.#options.controller;
    if (isLeaving) return this.submit({ kind: 'leave', group, request, image });
    const reply = await this.submit({ kind: 'heartbeat', group, request, host, image });
    led?.timers.touch(group, memberId, this.#nowMs, { isNew: true });
    const isQuiet = reply.assignment === null && reply.memberEpoch === memberEpoch;
    if (!isQuiet || maxWaitMs === 0 || led === undefined || this.#isClosed) return reply;
    // What changed between the decision and its commit woke nobody.
    const hasChanged = this.#hasNews(group, memberId);
    const wait = { arrival, maxWaitMs: Math.min(maxWaitMs, this.#options.settings.heartbeatIntervalMs) };
    if (!hasChanged && !(await led.held.hold(group, memberId, wait))) return reply;
    return this.submit({
      kind: 'heartbeat',
      group,
      request: quiet(request),
      host,
      image: this.#options.controller.image,
    });
  }

  /** To the state machine of the command's group. */
  submit<Command extends Exclude<GroupCommand, { readonly kind: 'list-groups' }>>(
    command: Command,
  ): Promise<GroupReplies[Command['kind']]> {
    if (command.group === '') {
      return Promise.reject(protocolError('INVALID_GROUP_ID', 'A group id must not be empty.'));
    }
    return this.#coordinators.submit(command.group, command) as Promise<GroupReplies[Command['kind']]>;
  }

  /** Offsets that count once the transaction is committed: it knows of them first. */
  async commitWithTransaction(
    request: TxnOffsetCommitRequest,
    addToTransaction: AddToTransaction,
  ): Promise<TxnOffsetCommitResponse> {
    const { group, producerId } = request;
    if (group === '') throw protocolError('INVALID_GROUP_ID', 'A group id must not be empty.');
    const { index, topicId } = this.#coordinators.placeOf(group);
    const transactions = this.#led.get(index)?.transactions;
    if (transactions === undefined) {
      this.#coordinators.requireLed(index);
      throw protocolError('COORDINATOR_LOAD_IN_PROGRESS', `The coordinator of group ${group} is not ready here.`);
    }
    const guard = transactions.guard(producerId);
    try {
      await addToTransaction([{ topicId, partition: index }]);
      if (guard.isBroken) {
        throw protocolError(
          'INVALID_PRODUCER_EPOCH',
          `The transaction of producer ${producerId} ended before its offsets of group ${group} were written.`,
        );
      }
      transactions.note(producerId, group);
      const { image } = this.#options.controller;
      return await this.submit({ kind: 'commit-transaction-offsets', group, request, image });
    } finally {
      transactions.release(guard);
    }
  }

  /**
   * A transaction ended: commits or drops what groups of this partition have pending of it. Resolves when that is committed;
   * repeated after a lost answer it finds nothing to do.
   */
  async endTransaction(index: number, end: TransactionEnd): Promise<void> {
    const { producerId } = end;
    const transactions = this.#led.get(index)?.transactions;
    if (transactions === undefined) {
      throw protocolError('NOT_COORDINATOR', `Groups of partition ${index} are not looked after here, or not yet.`);
    }
    transactions.breakGuards(producerId);
    const groups = transactions.groupsOf(producerId);
    // Where nothing is pending something is written all the same: one who was replaced would know of nothing.
    await Promise.all((groups.length === 0 ? [''] : groups).map((group) => this.#endIn(group, index, end)));
    for (const group of groups) if (!this.#isPending(group, index, producerId)) transactions.forget(producerId, group);
  }

  /** Groups of all partitions that are led here. Rejects while one of them is loading. */
  async list(request: ListGroupsRequest): Promise<ListGroupsResponse> {
    const found = await Promise.all(
      [...this.#coordinators.led].map(([index]) =>
        this.#coordinators.submitTo(index, { kind: 'list-groups', request }),
      ),
    );
    const groups = (found as ListGroupsResponse[]).flatMap((one) => one.groups);
    return { groups: groups.sort((a, b) => (a.group < b.group ? -1 : 1)) };
  }

  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
    this.#expiry?.cancel();
    this.#unsubscribe();
    this.#coordinators.close();
  }

  /** Offsets and groups that are not worth keeping, in every partition that is led here. */
  async expire(): Promise<void> {
    for (const [index, led] of [...this.#coordinators.led]) {
      if (!led.isActive) continue;
      let turn = 0;
      for (const group of [...led.state.keys()]) {
        const { image } = this.#options.controller;
        await this.#coordinators.tend(index, { kind: 'expire-offsets', group, image });
        turn += 1;
        if (turn % groupsPerTurn === 0) await new Promise<void>((resolve) => this.#options.clock.nextTurn(resolve));
      }
    }
  }

  async #endIn(group: string, index: number, end: TransactionEnd): Promise<void> {
    for (let isPartial = true; isPartial;) {
      const reply = await this.#coordinators.submitTo(index, { kind: 'end-transaction', group, end });
      ({ isPartial } = reply as GroupReplies['end-transaction']);
    }
  }

  #isPending(group: string, index: number, producerId: number): boolean {
    for (const [led, { state }] of this.#coordinators.led) {
      if (led !== index) continue;
      for (const key of state.get(group)?.pending.keys() ?? []) if (producerOf(key) === producerId) return true;
    }
    return false;
  }

  #observer(index: number): CoordinatorObserver<GroupsState, GroupEntry> {
    const { settings, clock, logger } = this.#options;
    const led: LedGroups = {
      timers: new GroupTimers(settings.sessionTimeoutMs),
      held: new HeldHeartbeats(clock),
      transactions: new TransactionalGroups(),
      unnoted: new Set(),
    };
    return {
      loaded: (state, durationMs) => {
        this.#led.set(index, led);
        this.#metrics.loadSeconds.record(durationMs / 1000);
        this.#startTimers(state, led);
        led.transactions.load(state);
        logger.info('group coordinator serves', { partition: index, groups: state.size, durationMs });
        // The metadata may have moved on while nobody looked after these groups. Those without members read nothing, and there
        // may be more of them than commands that may wait.
        for (const { group, members } of state.values()) if (members.size > 0) this.#noteTopics(group, index);
      },
      committed: (state, entries) => {
        this.#metrics.committed(entries);
        this.#noteEntries(state, entries, led);
        this.#noteLateMetadata(entries, index);
      },
      ended: () => {
        if (this.#led.get(index) === led) this.#led.delete(index);
        led.held.endAll();
        led.transactions.breakGuards();
      },
    };
  }

  #startTimers(state: GroupsState, { timers }: LedGroups): void {
    for (const { group, members, currents } of state.values()) {
      for (const [memberId, { rebalanceTimeoutMs }] of members.entries()) {
        timers.touch(group, memberId, this.#nowMs, { isNew: true });
        const current = currents.get(memberId);
        if (current?.state !== 'revoking') continue;
        timers.revoking(group, memberId, { epoch: current.epoch, deadlineMs: this.#nowMs + rebalanceTimeoutMs });
      }
    }
  }

  #noteEntries(state: GroupsState, entries: readonly GroupEntry[], { timers, held }: LedGroups): void {
    const groups = new Set<string>();
    for (const entry of entries) {
      if (entry.type === 'offset' || entry.type === 'pending-offset') continue;
      groups.add(entry.group);
      if (entry.type === 'member' && entry.value === null) {
        timers.forget(entry.group, entry.memberId);
        held.forget(entry.group, entry.memberId);
      }
      if (entry.type !== 'current') continue;
      const { group, memberId, value } = entry;
      if (value?.state === 'revoking') {
        const timeoutMs = state.get(group)?.members.get(memberId)?.rebalanceTimeoutMs ?? 0;
        timers.revoking(group, memberId, { epoch: value.epoch, deadlineMs: this.#nowMs + timeoutMs });
      } else timers.notRevoking(group, memberId);
    }
    for (const group of groups) {
      const after = state.get(group);
      for (const memberId of held.of(group)) {
        if (after === undefined || hasNews(after, memberId)) held.end(group, memberId, true);
      }
    }
  }

  /** What the metadata told while a rebalance was being committed was not told to that group: its state was not there yet. */
  #noteLateMetadata(entries: readonly GroupEntry[], index: number): void {
    const { position } = this.#options.controller.image;
    for (const { type, group, value } of entries) {
      if (type === 'group' && value !== null && value.metadataPosition < position) this.#noteTopics(group, index);
    }
  }

  #hasNews(group: string, memberId: string): boolean {
    for (const [index, led] of this.#coordinators.led) {
      if (index !== this.#coordinators.indexOf(group)) continue;
      const state = led.state.get(group);
      return state === undefined || hasNews(state, memberId);
    }
    return true;
  }

  /** Topics came, went or grew: groups that read them are looked at. */
  #noteMetadata({ topicsCreated, topicsDeleted, topicsChanged }: MetadataDelta): void {
    const grown = topicsChanged.filter(({ before, after }) => before.partitions.length !== after.partitions.length);
    const names = [...topicsCreated, ...topicsDeleted, ...grown.map(({ after }) => after)].map(({ name }) => name);
    if (names.length === 0) return;
    const deleted = new Set(topicsDeleted.map(({ topicId }) => topicId));
    for (const [index, led] of this.#coordinators.led) {
      if (!led.isActive) continue;
      for (const group of led.state.values()) {
        if (isConcerned(group, names)) this.#noteTopics(group.group, index);
        if (deleted.size > 0 && hasOffsetsOf(group, deleted)) {
          const { image } = this.#options.controller;
          void this.#coordinators.tend(index, { kind: 'expire-offsets', group: group.group, image });
        }
      }
    }
  }

  /** Nothing else would tell the group: what fails now, on a full disk say, is tried again with each tick. */
  #noteTopics(group: string, index: number): void {
    const led = this.#led.get(index);
    const command = { kind: 'topics-changed', group, image: this.#options.controller.image } as const;
    void this.#coordinators.tend(index, command).then((isDone) => {
      if (!isDone) led?.unnoted.add(group);
    });
  }

  #noteUnnoted(): void {
    for (const [index, { unnoted }] of this.#led) {
      const groups = [...unnoted];
      unnoted.clear();
      for (const group of groups) this.#noteTopics(group, index);
    }
  }

  #scheduleTick(): void {
    const { clock, settings } = this.#options;
    this.#tick = clock.schedule(settings.tickMs, () => {
      this.#expireMembers();
      this.#noteUnnoted();
      if (!this.#isClosed) this.#scheduleTick();
    });
  }

  #expireMembers(): void {
    const { settings, controller } = this.#options;
    const { image } = controller;
    for (const [index, { timers, held }] of this.#led) {
      for (const due of timers.takeDue(this.#nowMs)) {
        const { group, memberId, revokingEpoch } = due;
        if (revokingEpoch === undefined) held.forget(group, memberId);
        const reason =
          revokingEpoch === undefined
            ? { kind: 'session' as const, timeoutMs: settings.sessionTimeoutMs }
            : { kind: 'rebalance' as const, epoch: revokingEpoch };
        void this.#coordinators
          .tend(index, { kind: 'expire-member', group, memberId, image, reason })
          .then((isDone) => {
            if (!isDone) timers.again(due, this.#nowMs);
          });
      }
    }
  }

  #scheduleExpiry(): void {
    const { clock, settings, logger } = this.#options;
    this.#expiry = clock.schedule(settings.offsetsCheckMs, () => {
      void this.expire()
        .catch((error: unknown) => {
          logger.error('old offsets were not removed; it is tried again', { error: errorMessage(error) });
        })
        .finally(() => {
          if (!this.#isClosed) this.#scheduleExpiry();
        });
    });
  }

  #ledOf(group: string): LedGroups | undefined {
    const index = this.#coordinators.indexOf(group);
    return index === undefined ? undefined : this.#led.get(index);
  }

  #observe(): void {
    this.#metrics.groups.observe(() => {
      let groups = 0;
      for (const [, led] of this.#coordinators.led) if (led.isActive) groups += led.state.size;
      return groups;
    });
    this.#metrics.members.observe(() => sum(this.#led.values(), ({ timers }) => timers.sessions));
    this.#metrics.heldHeartbeats.observe(() => sum(this.#led.values(), ({ held }) => held.size));
  }

  get #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** The same heartbeat, which says nothing new any more. */
function quiet(request: ConsumerGroupHeartbeatRequest): ConsumerGroupHeartbeatRequest {
  return {
    ...request,
    maxWaitMs: 0,
    rebalanceTimeoutMs: -1,
    clientId: null,
    rackId: null,
    subscribedTopics: null,
    subscribedPattern: null,
    assignor: null,
    ownedPartitions: null,
  };
}

function hasOffsetsOf({ offsets }: { offsets: { keys(): Iterable<string> } }, topicIds: ReadonlySet<string>): boolean {
  for (const key of offsets.keys()) if (topicIds.has(key.slice(0, key.indexOf(':')))) return true;
  return false;
}

function sum<Item>(items: Iterable<Item>, value: (item: Item) => number): number {
  let total = 0;
  for (const item of items) total += value(item);
  return total;
}
