import { MillraceError } from '@millrace/base';
import { MetadataImage, type TopicImage } from '@millrace/controller/image';
import type { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse } from '@millrace/protocol';
import { expect } from 'vitest';
import { assignors } from '../../../src/coordinator/assignor/assignors.js';
import { keysOf } from '../../../src/coordinator/assignor/topic-partition.js';
import type { GroupEntry } from '../../../src/coordinator/group/group-entry.js';
import { type GroupCommand, groupMachine, type GroupReply } from '../../../src/coordinator/group/group-machine.js';
import {
  emptyGroup,
  type GroupsState,
  type GroupState,
  pendingKey,
} from '../../../src/coordinator/group/group-state.js';

export const machine = groupMachine({
  assignors,
  maxMembers: 100,
  heartbeatIntervalMs: 5000,
  offsetsRetentionMs: 1000,
  maxOffsetMetadataBytes: 100,
});

export function topicImage(name: string, partitions: number): TopicImage {
  return {
    topicId: name.replaceAll('.', '_').padEnd(22, 'x'),
    name,
    configs: new Map(),
    partitions: Array.from({ length: partitions }, (_, partition) => ({
      partition,
      leader: 1,
      leaderEpoch: 0,
      partitionEpoch: 0,
      replicas: [1],
      isr: [1],
      elr: [],
      adding: [],
      removing: [],
      minInsyncReplicas: 1,
    })),
  };
}

export function heartbeatRequest(
  memberId: string,
  changes: Partial<ConsumerGroupHeartbeatRequest>,
): ConsumerGroupHeartbeatRequest {
  return {
    group: 'g',
    memberId,
    memberEpoch: 0,
    clientId: 'model',
    instanceId: null,
    rackId: null,
    maxWaitMs: 0,
    rebalanceTimeoutMs: -1,
    subscribedTopics: null,
    subscribedPattern: null,
    assignor: null,
    ownedPartitions: null,
    ...changes,
  };
}

export interface Subscription {
  readonly topics: readonly string[];
  readonly pattern: string;
  readonly assignor: string | null;
}

interface ModelMember {
  epoch: number;
  /** What the member works on: it took it in and has not given it up. */
  owned: Set<string>;
}

/** One group as its log makes it, its members as they see themselves, and what was committed. */
export class GroupWorld {
  image = MetadataImage.empty.withPosition(1);
  state: GroupsState = machine.initial();
  nowMs = 1000;
  readonly log: GroupEntry[] = [];
  readonly members = new Map<string, ModelMember>();
  readonly #committed = new Map<string, number>();
  /** By producer: its epoch, and what it is about to commit. */
  readonly #transactions = new Map<number, { epoch: number; offsets: Map<string, number> }>();

  get group(): GroupState {
    return this.state.get('g') ?? emptyGroup('g');
  }

  setTopic(name: string, partitions: number): void {
    this.image = this.image.withTopic(topicImage(name, partitions)).withPosition(this.image.position + 1);
  }

  submit(command: GroupCommand): GroupReply {
    const { entries, reply } = machine.decide(this.state, command, this.nowMs, this.log.length);
    for (const entry of entries) {
      this.state = machine.apply(this.state, entry, this.log.length);
      this.log.push(entry);
    }
    return reply;
  }

  beat(memberId: string, changes: Partial<ConsumerGroupHeartbeatRequest> = {}): void {
    const member = this.members.get(memberId);
    if (member === undefined) return;
    const ownedPartitions = [...member.owned].map((key) => ({
      topicId: key.slice(0, 22),
      partitions: [Number(key.slice(23))],
    }));
    const request = heartbeatRequest(memberId, { memberEpoch: member.epoch, ownedPartitions, ...changes });
    const reply = this.#attempt(
      () => this.submit({ kind: 'heartbeat', group: 'g', request, host: 'h', image: this.image }),
      // Fenced or put out: it has nothing any more.
      () => this.members.delete(memberId),
    ) as ConsumerGroupHeartbeatResponse | undefined;
    if (reply === undefined) return;
    member.epoch = reply.memberEpoch;
    if (reply.assignment !== null) member.owned = new Set(keysOf(reply.assignment));
  }

  join(memberId: string, { topics, pattern, assignor }: Subscription): void {
    this.members.set(memberId, { epoch: 0, owned: new Set() });
    this.beat(memberId, {
      memberEpoch: 0,
      rebalanceTimeoutMs: 1000,
      subscribedTopics: [...topics],
      subscribedPattern: pattern,
      assignor,
      ownedPartitions: [],
    });
  }

  leave(memberId: string): void {
    this.members.delete(memberId);
    const request = heartbeatRequest(memberId, { memberEpoch: -1 });
    this.#attempt(() => this.submit({ kind: 'leave', group: 'g', request, image: this.image }));
  }

  /** The session is over: the member itself knows it as well. */
  expire(memberId: string): void {
    this.members.delete(memberId);
    const reason = { kind: 'session' as const, timeoutMs: 1 };
    this.submit({ kind: 'expire-member', group: 'g', memberId, image: this.image, reason });
  }

  commit(memberId: string, key: string, offset: number, epochsBack: number): void {
    const memberEpoch = Math.max(1, (this.members.get(memberId)?.epoch ?? 1) - epochsBack);
    const [topicId, partition] = [key.slice(0, 22), Number(key.slice(23))];
    const entry = { topicId, partition, offset, leaderEpoch: 0, metadata: null };
    const base = { group: 'g', memberId, memberEpoch, instanceId: null, allowRewind: false };
    const request = { ...base, partitions: [entry] };
    const reply = this.#attempt(() => this.submit({ kind: 'commit-offsets', group: 'g', request, image: this.image }));
    const [result] = (reply as { partitions: { error: number }[] } | undefined)?.partitions ?? [];
    if (result?.error !== 0) return;
    // D3: only whoever holds it commits it. D4: and never less than before.
    expect(this.group.owners.get(key)).toBe(memberId);
    expect(offset).toBeGreaterThanOrEqual(this.#committed.get(key) ?? 0);
    this.#committed.set(key, offset);
  }

  commitWithTransaction(producerId: number, memberId: string, key: string, offset: number, epochsBack: number): void {
    const transaction = this.#transactionOf(producerId);
    const memberEpoch = Math.max(1, (this.members.get(memberId)?.epoch ?? 1) - epochsBack);
    const [topicId, partition] = [key.slice(0, 22), Number(key.slice(23))];
    const partitions = [{ topicId, partition, offset, leaderEpoch: 0, metadata: null }];
    const producer = { transactionalId: 't', producerId, producerEpoch: transaction.epoch };
    const request = { ...producer, group: 'g', memberId, memberEpoch, instanceId: null, partitions };
    const reply = this.#attempt(() =>
      this.submit({ kind: 'commit-transaction-offsets', group: 'g', request, image: this.image }),
    );
    const [result] = (reply as { partitions: { error: number }[] } | undefined)?.partitions ?? [];
    if (result?.error !== 0) return;
    expect(this.group.owners.get(key)).toBe(memberId);
    expect(offset).toBeGreaterThanOrEqual(this.#committed.get(key) ?? 0);
    expect(offset).toBeGreaterThanOrEqual(transaction.offsets.get(key) ?? 0);
    transaction.offsets.set(key, offset);
  }

  /** Told twice, as after a lost answer. */
  endTransaction(producerId: number, isCommitted: boolean): void {
    const transaction = this.#transactionOf(producerId);
    const end = { producerId, producerEpoch: transaction.epoch + 1, coordinatorEpoch: 0, isCommitted };
    this.submit({ kind: 'end-transaction', group: 'g', end });
    this.submit({ kind: 'end-transaction', group: 'g', end: { ...end, isCommitted: !isCommitted } });
    for (const [key, offset] of isCommitted ? transaction.offsets : []) {
      this.#committed.set(key, Math.max(offset, this.#committed.get(key) ?? 0));
    }
    this.#transactions.set(producerId, { epoch: transaction.epoch + 1, offsets: new Map() });
  }

  /** What is committed, and what is about to be, is what the model says: all of a transaction or nothing. */
  expectOffsets(): void {
    const committed = [...this.group.offsets.entries()].map(([key, { offset }]) => [key, offset]);
    expect(new Map(committed as [string, number][])).toEqual(this.#committed);
    const pending = [...this.group.pending.entries()].map(([key, { offset }]) => [key, offset] as [string, number]);
    const expected = [...this.#transactions].flatMap(([producerId, { offsets }]) =>
      [...offsets].map(([key, offset]): [string, number] => [pendingKey(producerId, key), offset]),
    );
    expect(new Map(pending)).toEqual(new Map(expected));
  }

  #transactionOf(producerId: number): { readonly epoch: number; readonly offsets: Map<string, number> } {
    let transaction = this.#transactions.get(producerId);
    transaction ??= { epoch: 0, offsets: new Map() };
    this.#transactions.set(producerId, transaction);
    return transaction;
  }

  /** D1 and D2: what two members work on never overlaps, and nobody is ahead of the group. */
  expectOneOwner(): void {
    const owners = new Map<string, string>();
    for (const [memberId, { owned }] of this.members) {
      for (const key of owned) {
        expect(owners.get(key)).toBeUndefined();
        owners.set(key, memberId);
      }
    }
    const epoch = this.group.meta?.epoch ?? 0;
    for (const current of this.group.currents.values()) expect(current.epoch).toBeLessThanOrEqual(epoch);
  }

  #attempt<Value>(action: () => Value, onRefused: () => void = () => undefined): Value | undefined {
    try {
      return action();
    } catch (error) {
      if (!(error instanceof MillraceError)) throw error;
      onRefused();
      return undefined;
    }
  }
}
