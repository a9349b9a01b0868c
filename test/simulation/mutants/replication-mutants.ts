/** Bugs in replication, in sync sets and elections: clusters of several nodes show them. */
import type { Mutant } from './mutant.js';

const partition = 'packages/broker/src/partition';
const decisions = 'packages/controller/src/decisions';
const nodesMax = 5;

export const replicationMutants: readonly Mutant[] = [
  {
    id: 'm1',
    trap: 'a follower cuts its log to its own high watermark when it begins to follow',
    budgetSeeds: 400,
    nodesMax,
    patches: [
      {
        file: `${partition}/partition.ts`,
        find: 'if (leader !== -1) this.#following = { leader, leaderEpoch };',
        replace:
          'if (leader !== -1) {\n' +
          '        const cut = Math.max(this.#highWatermark, this.log.startOffset);\n' +
          '        if (cut < this.log.endOffset) await this.log.truncateTo(cut);\n' +
          '        this.#following = { leader, leaderEpoch };\n' +
          '      }',
      },
    ],
  },
  {
    id: 'm3',
    trap: 'a follower whose log left that of its leader is not told',
    budgetSeeds: 400,
    nodesMax,
    patches: [
      {
        file: `${partition}/divergence.ts`,
        find: '  if (lastFetchedEpoch === -1) return undefined;\n',
        replace: '  if (lastFetchedEpoch === -1 || fetchOffset <= log.endOffset) return undefined;\n',
      },
    ],
  },
  {
    id: 'm5',
    trap: 'the high watermark goes by the committed in-sync set while a larger one is proposed',
    budgetSeeds: 600,
    nodesMax,
    patches: [
      {
        file: `${partition}/leadership.ts`,
        find: 'this.inSync.maximal.map((member)',
        replace: 'this.inSync.isr.map((member)',
      },
    ],
  },
  {
    id: 'm6',
    trap: 'the high watermark moves with fewer replicas in sync than asked for',
    budgetSeeds: 400,
    nodesMax,
    patches: [
      {
        file: `${partition}/leadership.ts`,
        find: '    if (!this.hasEnoughInSync) return current;\n',
        replace: '',
      },
    ],
  },
  {
    id: 'm7',
    trap: 'a follower joins the in-sync set without what earlier leaders acknowledged',
    budgetSeeds: 600,
    nodesMax,
    patches: [
      {
        file: `${partition}/leadership.ts`,
        find: 'if (progress.reportedEndOffset(durability) < Math.max(highWatermark, this.epochStartOffset)) return false;',
        replace: 'if (progress.reportedEndOffset(durability) < 0) return false;',
      },
    ],
  },
  {
    id: 'm11b',
    trap: 'a follower counts with what it has not synced',
    budgetSeeds: 200,
    nodesMax,
    patches: [
      {
        file: `${partition}/replica-progress.ts`,
        find: "return durability === 'fsync' ? this.#syncedEndOffset : this.#endOffset;",
        replace: 'return durability === undefined ? -1 : this.#endOffset;',
      },
    ],
  },
  {
    id: 'm12',
    trap: 'a leader counts with what it has not synced itself',
    budgetSeeds: 100,
    patches: [
      {
        file: `${partition}/partition.ts`,
        find: "return this.#policy.durability === 'fsync' ? this.log.syncedEndOffset : this.log.endOffset;",
        replace: 'return this.log.endOffset;',
      },
    ],
  },
  {
    id: 'm9',
    trap: 'the controller lets a replica of an earlier process into the in-sync set',
    budgetSeeds: 600,
    nodesMax,
    patches: [
      {
        file: `${decisions}/alter-partition.ts`,
        find: "if (broker?.state === 'active' && broker.brokerEpoch === brokerEpoch) continue;",
        replace: 'if (broker !== undefined && brokerEpoch >= -1) continue;',
      },
    ],
  },
  {
    id: 'm10',
    trap: 'a replica that lost power counts as one that stopped in order',
    budgetSeeds: 600,
    nodesMax,
    patches: [
      {
        file: `${decisions}/register-broker.ts`,
        find: "return before.brokerEpoch === request.cleanStopEpoch ? 'clean' : 'unclean';",
        replace: "return 'clean';",
      },
    ],
  },
  {
    id: 'm26',
    trap: 'a controller that hears from nobody goes on leading',
    budgetSeeds: 400,
    nodesMax,
    patches: [
      {
        file: 'packages/raft/src/core/leader.ts',
        find: "if (state.hasDefect('noCheckQuorum')) return true;",
        replace: 'if (state.nowMs >= 0) return true;',
      },
    ],
  },
  {
    id: 'm31',
    trap: 'a topic that is created again keeps the records of the one before',
    budgetSeeds: 300,
    patches: [
      {
        file: 'packages/storage/src/directory/log-directory.ts',
        find: 'if (hosted !== undefined && hosted.topicId !== request.topicId) {',
        replace: 'if (hosted === undefined && request.topicId === undefined) {',
      },
    ],
  },
];
