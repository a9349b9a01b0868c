/** Bugs in the log of one partition. */
import type { Mutant } from './mutant.js';

const storage = 'packages/storage/src';

export const storageMutants: readonly Mutant[] = [
  {
    id: 'm13b',
    trap: 'after a failed sync and a restart, what the page cache shows counts as synced',
    budgetSeeds: 400,
    patches: [
      {
        file: `${storage}/recovery/recover-log.ts`,
        find: 'if (end.unsyncedFrom !== undefined) await rewrite(',
        replace: 'if (end.unsyncedFrom === -1) await rewrite(',
      },
    ],
  },
  {
    id: 'm17',
    trap: 'recovery throws a whole segment away where one batch of it is torn',
    budgetSeeds: 200,
    patches: [
      {
        file: `${storage}/recovery/recover-log.ts`,
        find: '      segment.cutFile();\n',
        replace: '      segment.restart();\n      segment.cutFile();\n      endOffset = segment.baseOffset;\n',
      },
    ],
  },
  {
    id: 'm21',
    trap: 'the last entry of a time index is not durable when its segment is closed',
    budgetSeeds: 5,
    scenario: 'S27',
    nodesMax: 1,
    patches: [
      {
        file: `${storage}/recovery/recover-log.ts`,
        find: 'floorSegment(segments, request.recoveryPoint - 1)',
        replace: 'floorSegment(segments, request.recoveryPoint)',
      },
    ],
  },
  {
    id: 'm22',
    trap: 'a producer snapshot is believed although records lie after it',
    budgetSeeds: 400,
    patches: [
      {
        file: `${storage}/recovery/recover-producers.ts`,
        find: 'if (batch.baseOffset >= from) producers.apply(',
        replace: 'if (batch.baseOffset < 0) producers.apply(',
      },
    ],
  },
  {
    id: 'm32',
    trap: 'a batch that is sent again is not recognized',
    budgetSeeds: 300,
    patches: [
      {
        file: `${storage}/producer-state/producer-state.ts`,
        find: '    if (duplicate !== undefined) {\n',
        replace: '    if (duplicate !== undefined) return append;\n    if (duplicate !== undefined) {\n',
      },
    ],
  },
  {
    id: 'm18',
    trap: 'a damaged batch below what was synced counts as the torn end of the log',
    budgetSeeds: 3,
    scenario: 'S4',
    patches: [
      {
        file: `${storage}/recovery/recover-log.ts`,
        find: '      if (endOffset < syncedOffset) throw corruptLog(segment.log.path, end.position, end.problem);\n',
        replace: '',
      },
      {
        file: `${storage}/recovery/recover-log.ts`,
        find: '  if (cleanShutdown ? endOffset < recoveryPoint : endOffset < syncedOffset) {',
        replace: '  if (cleanShutdown && endOffset < recoveryPoint) {',
      },
    ],
  },
];
