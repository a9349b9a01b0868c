import { expect, test } from 'vitest';
import { moveProgress } from '../../src/cluster/move-progress.js';

const replica = (partition: number, nodeId: number, sizeBytes: number, isLeader = false) => {
  return { topic: 'orders', partition, nodeId, isLeader, logStartOffset: 0, logEndOffset: sizeBytes / 10, sizeBytes };
};
const move = (partition: number, adding: number[], removing: number[]) => {
  return { topic: 'orders', partition, replicas: [1, 2, ...adding], adding, removing };
};

test('a new replica is as far as it holds of what its leader holds, each partition by itself', () => {
  const replicas = [replica(0, 1, 1000, true), replica(0, 2, 900), replica(0, 3, 400), replica(1, 1, 50, true)];
  expect(moveProgress([move(0, [3], [2]), move(1, [3, 4], [])], replicas)).toEqual([
    { partition: 0, adding: [3], removing: [2], copies: [{ nodeId: 3, copiedBytes: 400, totalBytes: 1000 }] },
    {
      partition: 1,
      adding: [3, 4],
      removing: [],
      copies: [
        { nodeId: 3, copiedBytes: 0, totalBytes: 50 },
        { nodeId: 4, copiedBytes: 0, totalBytes: 50 },
      ],
    },
  ]);
});

test('it is never further than the whole, and the whole is unknown while the leader does not tell', () => {
  expect(moveProgress([move(0, [3], [])], [replica(0, 1, 100, true), replica(0, 3, 120)])[0]?.copies).toEqual([
    { nodeId: 3, copiedBytes: 100, totalBytes: 100 },
  ]);
  expect(moveProgress([move(0, [3], [])], [replica(0, 3, 120)])[0]?.copies).toEqual([
    { nodeId: 3, copiedBytes: 120, totalBytes: null },
  ]);
});
