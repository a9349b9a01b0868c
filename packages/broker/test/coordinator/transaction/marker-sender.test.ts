import { errorByName, type WriteTxnMarkersRequest, type WriteTxnMarkersResponse } from '@millrace/protocol';
import { Simulation } from '@millrace/testkit';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DecidedTransaction, MarkerSender } from '../../../src/coordinator/transaction/marker-sender.js';

const topicId = 'topic'.padEnd(22, 'x');
const deletedId = 'deleted'.padEnd(22, 'x');
const key = (index: number, topic = topicId): string => `${topic}:${index}`;

type Outcome = 'written' | 'refused' | 'lost' | 'written and lost' | 'nonsense';

/** Partitions with leaders that move, and nodes that answer as they are told, then well. */
function world(outcomes: readonly Outcome[] = [], partitions = 6) {
  const simulation = new Simulation({ seed: 1 });
  const environment = simulation.environment('coordinator');
  const leaders = Array.from({ length: partitions }, (_, index) => 1 + (index % 3));
  const written = new Map<string, Set<number>>();
  const requests: { nodeId: number; markers: number }[] = [];
  const image = { position: 10 };
  const left = [...outcomes];
  let underway = 0;
  const write = async (nodeId: number, request: WriteTxnMarkersRequest): Promise<WriteTxnMarkersResponse> => {
    underway += 1;
    expect(underway, 'one request to each node at a time').toBeLessThanOrEqual(3);
    requests.push({ nodeId, markers: request.markers.length });
    const outcome = left.shift() ?? 'written';
    await new Promise<void>((resolve) => environment.clock.schedule(5, resolve));
    underway -= 1;
    if (outcome === 'lost') throw new Error('no answer');
    const markers = request.markers.map(({ producerId, producerEpoch, partitions: places }) => ({
      producerId,
      partitions: places.map((place) => {
        const isRefused = outcome === 'refused' || leaders[place.partition] !== nodeId;
        if (!isRefused) {
          const label = `${place.partition}`;
          written.set(label, (written.get(label) ?? new Set()).add(producerId * 1000 + producerEpoch));
        }
        const error = isRefused ? (errorByName('NOT_LEADER_OR_FOLLOWER')?.number ?? -1) : 0;
        return { ...place, error, message: null };
      }),
    }));
    if (outcome === 'written and lost') throw new Error('no answer');
    return outcome === 'nonsense' ? { markers: [] } : { markers };
  };
  const sender = new MarkerSender({
    clock: environment.clock,
    logger: environment.logger,
    random: environment.random.stream('markers'),
    leaders: () => ({
      position: image.position,
      topicById: (id) => (id === topicId ? {} : undefined),
      partition: (id, index) => (id === topicId ? { leader: leaders[index] ?? -1 } : undefined),
    }),
    write,
  });
  const done: number[] = [];
  const transaction = (
    producerId: number,
    keys: readonly string[],
    more: Partial<DecidedTransaction> = {},
  ): DecidedTransaction => ({
    transactionalId: `t${producerId}`,
    identity: { producerId, producerEpoch: 1 },
    coordinatorEpoch: 0,
    isCommitted: true,
    partitions: new Set(keys),
    metadataPosition: 10,
    isOver: () => false,
    onDone: () => done.push(producerId),
    ...more,
  });
  return { simulation, sender, leaders, written, requests, image, done, transaction };
}

describe('markers', () => {
  test('property: reach every partition, whatever nodes answer or do not, and whoever leads', async () => {
    const outcome = fc.constantFrom<Outcome>('written', 'refused', 'lost', 'written and lost', 'nonsense');
    const sets = fc.array(fc.subarray([0, 1, 2, 3, 4, 5], { minLength: 1 }), { minLength: 1, maxLength: 8 });
    const moves = fc.array(fc.tuple(fc.nat(5), fc.constantFrom(-1, 1, 2, 3)), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.array(outcome, { maxLength: 12 }), sets, moves, async (outcomes, all, moved) => {
        const { simulation, sender, leaders, written, done, transaction } = world(outcomes);
        for (const [producerId, indexes] of all.entries())
          sender.add(
            transaction(
              producerId,
              indexes.map((index) => key(index)),
            ),
          );
        for (const [index, leader] of moved) {
          await simulation.runFor(7);
          leaders[index] = leader;
        }
        for (const [index, leader] of leaders.entries()) if (leader === -1) leaders[index] = 1;
        await simulation.runFor(60_000);
        expect(done.sort((a, b) => a - b)).toEqual([...all.keys()]);
        expect(sender.size).toBe(0);
        for (const [producerId, indexes] of all.entries())
          for (const index of indexes) expect(written.get(`${index}`)?.has(producerId * 1000 + 1)).toBe(true);
        sender.close();
      }),
      { numRuns: 100 },
    );
  });

  test('of many transactions that are decided together go to a node in one request', async () => {
    const { simulation, sender, requests, done, transaction } = world([], 3);
    for (let producerId = 0; producerId < 50; producerId += 1) sender.add(transaction(producerId, [key(0), key(1)]));
    await simulation.runFor(100);
    expect(done.length).toBe(50);
    expect(requests).toEqual([
      { nodeId: 1, markers: 50 },
      { nodeId: 2, markers: 50 },
    ]);
  });

  test('are not needed where the topic was deleted, which only metadata that is new enough can tell', async () => {
    const { simulation, sender, image, done, transaction } = world();
    sender.add(transaction(1, [key(0, deletedId)], { metadataPosition: 20 }));
    await simulation.runFor(5000);
    expect(done).toEqual([]);
    image.position = 20;
    await simulation.runFor(5000);
    expect(done).toEqual([1]);
  });

  test('are left to another coordinator when this one is it no more', async () => {
    const { simulation, sender, leaders, requests, done, transaction } = world();
    leaders.fill(-1);
    let isOver = false;
    sender.add(transaction(1, [key(0)], { isOver: () => isOver }));
    await simulation.runFor(100);
    isOver = true;
    leaders.fill(1);
    await simulation.runFor(5000);
    expect({ done, requests, size: sender.size }).toEqual({ done: [], requests: [], size: 0 });
  });
});
