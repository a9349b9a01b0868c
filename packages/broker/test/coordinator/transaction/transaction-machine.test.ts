import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { maxTransactionEpoch } from '../../../src/coordinator/transaction/transaction-state.js';
import { machine, policy, TransactionWorld } from './transaction-world.js';

type Step = (world: TransactionWorld) => void;
const who = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.start()) },
  {
    weight: 1,
    arbitrary: fc.tuple(who, fc.boolean(), fc.boolean()).map(
      ([index, isNew, isLost]): Step =>
        (world) =>
          world.init(index, { isNew, isLost }),
    ),
  },
  {
    weight: 6,
    arbitrary: fc.tuple(who, fc.nat(2)).map(
      ([index, place]): Step =>
        (world) =>
          world.write(index, place),
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(who, fc.boolean(), fc.boolean()).map(
      ([index, isCommitted, isLost]): Step =>
        (world) =>
          world.end(index, { isCommitted, isLost }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(100).map(
      (index): Step =>
        (world) =>
          world.late(index),
    ),
  },
  {
    weight: 4,
    arbitrary: fc.nat(3).map(
      (count): Step =>
        (world) =>
          world.deliver(count),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(3000).map(
      (ms): Step =>
        (world) =>
          world.pass(ms),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Step>((world) => world.failOver()) },
);

describe('property: whatever producers, zombies, time and failovers do', () => {
  test('a transaction is all or nothing, ends, is told once, and touches no other', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const world = new TransactionWorld();
        world.start();
        for (const one of steps) one(world);
        world.settle();
      }),
      { numRuns: 500 },
    );
  });

  test('the same where the epochs of the producer id are used up on the way', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), fc.nat(4), (steps, left) => {
        const world = new TransactionWorld();
        world.start();
        world.age(maxTransactionEpoch - left);
        for (const one of steps) one(world);
        world.settle();
      }),
      { numRuns: 500 },
    );
  });
});

test('a producer id whose epochs are used up is replaced, and the end is told under the last epoch that is left', () => {
  const world = new TransactionWorld();
  world.start();
  world.age(maxTransactionEpoch);
  world.write(0, 0);
  world.end(0, { isCommitted: true, isLost: true });
  expect(world.transaction).toMatchObject({
    status: 'prepare-commit',
    last: { producerId: 1, producerEpoch: maxTransactionEpoch },
    current: { producerId: 2, producerEpoch: 0 },
  });
  world.end(0, { isCommitted: true, isLost: false });
  expect(world.instances[0]?.identity).toEqual({ producerId: 2, producerEpoch: 0 });
  world.settle();
});

test('too many ids, and too many partitions in one transaction, are refused', () => {
  const world = new TransactionWorld();
  const init = { kind: 'init-producer', timeoutMs: 1000, expected: undefined } as const;
  for (let index = 0; index < policy.maxTransactionalIds; index += 1) {
    world.submit({ ...init, transactionalId: `t${index}`, newProducerId: index });
  }
  expect(() => world.submit({ ...init, transactionalId: 'one more', newProducerId: 1000 })).toThrow(
    /transactional ids/,
  );
  const partitions = Array.from({ length: policy.maxPartitions + 1 }, (_, index) => `${'x'.repeat(22)}:${index}`);
  const add = { kind: 'add-partitions', transactionalId: 't5', identity: { producerId: 5, producerEpoch: 0 } } as const;
  const image = { position: 1, topicById: () => ({}) };
  expect(() => world.submit({ ...add, partitions, image })).toThrow(/partitions at most/);
  expect(() =>
    world.submit({ ...add, partitions: ['y'.repeat(22)], image: { ...image, topicById: () => undefined } }),
  ).toThrow(/knows no topic/);
});

test('an id that is not used is forgotten after its time, and not before', () => {
  const world = new TransactionWorld();
  world.start();
  const forget = { kind: 'forget-transactional-id', transactionalId: 't' } as const;
  world.nowMs += policy.idExpirationMs - 1;
  world.submit(forget);
  expect(world.transaction).toBeDefined();
  world.nowMs += 1;
  world.submit(forget);
  expect(world.transaction).toBeUndefined();
  expect(machine.decide(world.state, forget, world.nowMs, 0).entries).toEqual([]);
});
