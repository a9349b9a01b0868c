/** Bugs in replication, in sync sets and elections: clusters of several nodes show them. */
import type { Mutant } from './mutant.js';

const partition = 'packages/broker/src/partition';
const decisions = 'packages/controller/src/decisions';
const nodesMax = 5;

export const replicationMutants: readonly Mutant[] = [
  {
    id: 'm1',
    trap: 'a follower cuts its log to its own high watermark when it begins to follow',
    budgetSeeds: 5,
    scenario: 'S8',
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
    budgetSeeds: 5,
    scenario: 'S9',
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
    budgetSeeds: 5,
    scenario: 'S7b',
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
    budgetSeeds: 30,
    scenario: 'S8',
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
    budgetSeeds: 5,
    scenario: 'S7b',
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
    budgetSeeds: 5,
    scenario: 'S8',
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
    trap: 'what an earlier process of a replica had lets it into the in-sync set',
    budgetSeeds: 5,
    scenario: 'S7',
    nodesMax,
    patches: [
      {
        file: `${decisions}/alter-partition.ts`,
        find: "if (broker?.state === 'active' && broker.brokerEpoch === brokerEpoch) continue;",
        replace: 'if (broker !== undefined && brokerEpoch >= -1) continue;',
      },
      // The leader would see it too, as soon as it has heard of the new process.
      {
        file: `${partition}/leadership.ts`,
        find: 'return eligibleEpoch(replica) === progress.brokerEpoch;',
        replace: 'return eligibleEpoch(replica) !== -1;',
      },
    ],
  },
  {
    id: 'm10',
    trap: 'a replica that lost power counts as one that stopped in order',
    budgetSeeds: 5,
    scenario: 'S6b',
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
    budgetSeeds: 3,
    scenario: 'S18',
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
    trap: 'a log is known by name alone: a topic that is created again has the records of the one before',
    budgetSeeds: 5,
    scenario: 'S21',
    patches: [
      {
        file: 'packages/broker/src/partitions.ts',
        find: '    await inParallel(topic.partitions, ({ partition: index }) => this.#deleteLog(topic, index));\n',
        replace: '',
      },
      {
        file: 'packages/storage/src/directory/log-directory.ts',
        find: 'if (hosted !== undefined && hosted.topicId !== request.topicId) {',
        replace: 'if (hosted === undefined && request.topicId === undefined) {',
      },
      {
        file: 'packages/broker/src/partitions.ts',
        find: 'if (found === undefined || found.topicId === topicId) return;',
        replace: "if (found === undefined || found.topicId !== '') return;",
      },
    ],
  },
  {
    id: 'm2',
    trap: 'a follower cuts where the leader says that an epoch ended, whatever it has of that epoch itself',
    budgetSeeds: 5,
    scenario: 'S9',
    patches: [
      {
        file: `${partition}/divergence.ts`,
        find: '  if (own.epoch === leaderEpoch) return Math.min(endOffset, own.endOffset);\n  return Math.min(own.endOffset, log.endOffset);',
        replace: '  return Math.min(endOffset, log.endOffset);',
      },
    ],
  },
  {
    id: 'm8',
    trap: 'what a replica had before its restart counts toward the in-sync set',
    budgetSeeds: 5,
    scenario: 'S7',
    patches: [
      {
        file: `${partition}/replica-progress.ts`,
        find: '      this.#endOffset = -1;\n      this.#syncedEndOffset = -1;\n',
        replace: '',
      },
    ],
  },
  {
    id: 'm27',
    trap: 'a voter raises the term without asking first whether it could win',
    budgetSeeds: 3,
    scenario: 'S17',
    patches: [
      {
        file: 'packages/raft/src/core/election.ts',
        find: "if (state.hasDefect('noPreVote')) becomeCandidate(state, false);",
        replace: 'if (state.nowMs >= 0) becomeCandidate(state, false);',
      },
      {
        file: 'packages/raft/src/core/election.ts',
        find: "if (message.isTransfer || state.hasDefect('noPreVote')) return false;",
        replace: 'if (message.isTransfer || state.nowMs >= 0) return false;',
      },
    ],
  },
  {
    id: 'm30',
    trap: 'at the start, before the metadata is looked at, logs that nobody mentions are deleted',
    budgetSeeds: 5,
    scenario: 'S5',
    patches: [
      {
        file: 'packages/broker/src/partitions.ts',
        find: '      this.#oldest ??= image;',
        replace:
          '      if (this.#oldest === undefined) this.#reportOrphans(MetadataImage.empty);\n      this.#oldest ??= image;',
      },
      {
        file: 'packages/broker/src/partitions.ts',
        find: "      this.#options.logger.warn('log on disk belongs to no topic of the cluster; it is kept', {",
        replace:
          '      void this.#options.logDirectory.deleteLog({ topic, partition, topicId });\n' +
          "      this.#options.logger.warn('log on disk belongs to no topic of the cluster; it is kept', {",
      },
    ],
  },
];
