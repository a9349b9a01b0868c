import { errorByNumber, type OffsetFetchResponse, type TxnOffsetCommitResponse } from '@millrace/protocol';
import { expect, test } from 'vitest';
import type { CommitTransactionOffsetsCommand } from '../../../src/coordinator/group/decisions/commit-transaction-offsets.js';
import { TransactionalGroups } from '../../../src/coordinator/group/transactional-groups.js';
import { GroupWorld, topicImage } from './group-world.js';

const { topicId } = topicImage('orders', 4);

function codeOf(error: number): string {
  return error === 0 ? 'NONE' : (errorByNumber(error)?.name ?? String(error));
}

function worldOfOrders(partitions = 4): GroupWorld {
  const world = new GroupWorld();
  world.setTopic('orders', partitions);
  return world;
}

interface Commit {
  readonly partition?: number;
  readonly offset: number;
  readonly producerEpoch?: number;
}

function command({ image }: GroupWorld, commits: readonly Commit[]): CommitTransactionOffsetsCommand {
  const producer = { transactionalId: 't', producerId: 7, producerEpoch: commits[0]?.producerEpoch ?? 3 };
  const partitions = commits.map(({ partition = 0, offset }) => ({
    topicId,
    partition,
    offset,
    leaderEpoch: -1,
    metadata: null,
  }));
  const request = { ...producer, group: 'g', memberId: '', memberEpoch: -1, instanceId: null, partitions };
  return { kind: 'commit-transaction-offsets', group: 'g', request, image };
}

function commit(world: GroupWorld, ...commits: Commit[]): string[] {
  const reply = world.submit(command(world, commits)) as TxnOffsetCommitResponse;
  return reply.partitions.map(({ error }) => codeOf(error));
}

function end(world: GroupWorld, isCommitted: boolean, producerEpoch = 4): unknown {
  const transactionEnd = { producerId: 7, producerEpoch, coordinatorEpoch: 1, isCommitted };
  return world.submit({ kind: 'end-transaction', group: 'g', end: transactionEnd });
}

function fetched(world: GroupWorld, requireStable: boolean): (number | string)[] {
  const request = { group: 'g', memberId: '', memberEpoch: -1, requireStable, partitions: [{ topicId, partition: 0 }] };
  const reply = world.submit({ kind: 'fetch-offsets', group: 'g', request, image: world.image }) as OffsetFetchResponse;
  return reply.partitions.map(({ error, offset }) => (error === 0 ? offset : codeOf(error)));
}

test('an offset of an open transaction is told to nobody, and whoever wants to read on from it has to wait', () => {
  const world = worldOfOrders();
  expect(commit(world, { offset: 5 })).toEqual(['NONE']);
  expect(fetched(world, false)).toEqual([-1]);
  expect(fetched(world, true)).toEqual(['UNSTABLE_OFFSET_COMMIT']);
  end(world, true);
  expect(fetched(world, true)).toEqual([5]);
});

test('an aborted transaction leaves what was committed before', () => {
  const world = worldOfOrders();
  commit(world, { offset: 5 });
  end(world, true);
  commit(world, { offset: 9, producerEpoch: 4 });
  end(world, false, 5);
  expect(fetched(world, true)).toEqual([5]);
});

test('the end of an earlier transaction does not touch what a later one has pending', () => {
  const world = worldOfOrders();
  commit(world, { offset: 5, producerEpoch: 4 });
  end(world, true, 4);
  expect(fetched(world, true)).toEqual(['UNSTABLE_OFFSET_COMMIT']);
  end(world, false, 5);
  expect(fetched(world, true)).toEqual([-1]);
});

test('a late copy of an earlier request of the transaction does not undo a later one', () => {
  const world = worldOfOrders();
  expect(commit(world, { offset: 5 })).toEqual(['NONE']);
  expect(commit(world, { offset: 8 })).toEqual(['NONE']);
  expect(commit(world, { offset: 5 })).toEqual(['COMMIT_GOES_BACK']);
  expect(commit(world, { offset: 9, producerEpoch: 2 })).toEqual(['INVALID_PRODUCER_EPOCH']);
  expect(commit(world, { offset: 9, producerEpoch: 4 })).toEqual(['CONCURRENT_TRANSACTIONS']);
  end(world, true);
  expect(fetched(world, true)).toEqual([8]);
});

test('what an operator sets while a transaction is open may not go back: the transaction would overtake it', () => {
  const world = worldOfOrders();
  const plain = (offset: number, allowRewind: boolean): unknown => {
    const base = { group: 'g', memberId: '', memberEpoch: -1, instanceId: null, allowRewind };
    const request = { ...base, partitions: [{ topicId, partition: 0, offset, leaderEpoch: -1, metadata: null }] };
    const reply = world.submit({ kind: 'commit-offsets', group: 'g', request, image: world.image });
    return (reply as TxnOffsetCommitResponse).partitions.map(({ error }) => codeOf(error));
  };
  commit(world, { offset: 5 });
  expect(plain(2, true)).toEqual(['UNSTABLE_OFFSET_COMMIT']);
  expect(plain(7, false)).toEqual(['NONE']);
  end(world, true);
  expect(fetched(world, true)).toEqual([7]);
  expect(plain(2, true)).toEqual(['NONE']);
});

test('a transaction over more partitions than one decision takes is ended in several', () => {
  const world = worldOfOrders(1200);
  commit(world, ...Array.from({ length: 1200 }, (_, partition) => ({ partition, offset: partition })));
  const replies = [end(world, true), end(world, true), end(world, true)];
  expect(replies).toEqual([{ isPartial: true }, { isPartial: true }, { isPartial: false }]);
  expect([world.group.pending.size, world.group.offsets.size]).toEqual([0, 1200]);
});

test('an end that finds nothing pending is written all the same, and leaves nothing behind', () => {
  const world = worldOfOrders();
  end(world, true);
  expect(world.log.length).toBe(1);
  expect(world.state.size).toBe(0);
});

test('offsets of an open transaction do not expire, and are deleted with their group', () => {
  const world = worldOfOrders();
  commit(world, { offset: 5 });
  world.nowMs += 1_000_000;
  world.submit({ kind: 'expire-offsets', group: 'g', image: world.image });
  expect(world.group.pending.size).toBe(1);
  world.submit({ kind: 'delete-group', group: 'g' });
  expect(world.state.size).toBe(0);
});

test('the end of a transaction breaks the guards of its producer, and of no other', () => {
  const transactions = new TransactionalGroups();
  const [first, second, other] = [transactions.guard(1), transactions.guard(1), transactions.guard(2)];
  transactions.release(second);
  transactions.breakGuards(1);
  expect([first.isBroken, second.isBroken, other.isBroken]).toEqual([true, false, false]);
  transactions.breakGuards();
  expect(other.isBroken).toBe(true);
});

test('a group is not forgotten for a producer while something of it is underway', () => {
  const transactions = new TransactionalGroups();
  transactions.note(1, 'g');
  const guard = transactions.guard(1);
  transactions.forget(1, 'g');
  expect(transactions.groupsOf(1)).toEqual(['g']);
  transactions.release(guard);
  transactions.forget(1, 'g');
  expect(transactions.groupsOf(1)).toEqual([]);
});

test('what is pending according to the log is known after loading it', () => {
  const world = worldOfOrders();
  commit(world, { offset: 5 });
  const transactions = new TransactionalGroups();
  transactions.load(world.state);
  expect(transactions.groupsOf(7)).toEqual(['g']);
  expect(transactions.groupsOf(8)).toEqual([]);
});
