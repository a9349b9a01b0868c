/**
 * The metadata on a disk that loses power: at every operation of a workload of decisions and snapshots, with unsynced
 * bytes kept, lost, torn or random. What was acknowledged is there, and what is there is what some prefix of the
 * decisions made, never half of one.
 */
import { metadataTopic } from '@millrace/controller';
import { seededRandom, SimulatedDisk } from '@millrace/testkit';
import { expect, test } from 'vitest';
import { contentsOf, openNode } from './metadata-node.js';

test('acknowledged changes survive a power cut at any operation, whole', async () => {
  const disk = new SimulatedDisk();
  const node = await openNode(disk);
  /** Contents after each decision; when each was acknowledged. */
  const states: string[] = ['0: '];
  const acknowledged: { readonly operations: number; readonly state: number }[] = [];
  node.controller.subscribe((image) => {
    const contents = contentsOf(image);
    if (contents !== states.at(-1)) states.push(contents);
  });
  const noteAcknowledged = (): void => {
    acknowledged.push({ operations: disk.operations.length, state: states.length - 1 });
  };
  await node.startBroker();
  noteAcknowledged();
  for (let i = 0; i < 14; i += 1) {
    const configs = i % 3 === 0 ? [{ key: 'retention.ms', value: String(1000 + i) }] : [];
    const topics = [{ name: `topic${i}`, partitions: 1 + (i % 4), replicationFactor: 1, configs }];
    const creation = node.controller.createTopics({ topics, timeoutMs: 1000, validateOnly: false });
    // Two decisions under way at the same time share a sync.
    const name = i % 4 === 3 ? `topic${i - 1}` : 'missing';
    await node.controller.deleteTopics({ topics: [{ name, topicId: null }], timeoutMs: 1000 });
    await creation;
    noteAcknowledged();
  }
  await node.close();
  expect(
    disk
      .files()
      .list(`/data/${metadataTopic.name}-0`)
      .filter((name) => name.endsWith('.checkpoint')),
  ).toHaveLength(2);

  const seen = new Set<number>();
  for (const unsynced of ['kept', 'lost', 'torn', 'random'] as const) {
    let checked = 0;
    const random = seededRandom(`crash ${unsynced}`);
    for (const { count, disk: after } of SimulatedDisk.crashPoints(disk.operations, { unsynced, random })) {
      const again = await openNode(after);
      const state = states.indexOf(contentsOf(again.controller.image));
      const known = acknowledged.findLast(({ operations }) => operations <= count)?.state;
      // A crash before the first acknowledgement may be answered by forming a new cluster, under an id of its own.
      if (known !== undefined) {
        expect(state, `${unsynced} at ${count}: state ${state}, acknowledged ${known}`).toBeGreaterThanOrEqual(known);
        seen.add(state);
        checked += 1;
      }
      await again.close();
    }
    expect(checked).toBeGreaterThan(100);
  }
  // Each decision was, at some point, the last that survived.
  expect(seen.size).toBeGreaterThan(15);
});
