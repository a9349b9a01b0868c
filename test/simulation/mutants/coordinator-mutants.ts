/** Bugs in the coordinators of transactions, shown by the schedules that are about them. */
import type { Mutant } from './mutant.js';

const coordinator = 'packages/broker/src/coordinator';
const nodesMax = 5;

export const coordinatorMutants: readonly Mutant[] = [
  {
    id: 'm33',
    trap: 'a producer that asks again for the epoch of which the answer was lost is fenced by its own first request',
    budgetSeeds: 5,
    scenario: 'S12',
    patches: [
      {
        file: `${coordinator}/transaction/decisions/end-transaction.ts`,
        find: "const isLast = isSame(state.last, identity) && state.endedBy !== 'successor';",
        replace: "const isLast = isSame(state.last, identity) && state.endedBy === 'timeout';",
      },
    ],
  },
  {
    id: 'm34',
    trap: 'an epoch is raised in memory, and stays raised when it could not be written: asking again uses them up',
    budgetSeeds: 2,
    scenario: 'S14',
    patches: [
      {
        file: `${coordinator}/transaction/decisions/init-producer.ts`,
        find: '  const next = nextIdentity(state.current, command.newProducerId);\n',
        replace:
          '  const { producerId, producerEpoch } = state.current;\n' +
          '  const raised = Math.max(producerEpoch, raisedInMemory.get(producerId) ?? 0);\n' +
          '  const next = nextIdentity({ producerId, producerEpoch: raised }, command.newProducerId);\n' +
          '  raisedInMemory.set(producerId, raised + 1);\n',
      },
      {
        file: `${coordinator}/transaction/decisions/init-producer.ts`,
        find: 'type Result = Decision<TransactionEntry, IdentityReply>;\n',
        replace:
          'type Result = Decision<TransactionEntry, IdentityReply>;\nconst raisedInMemory = new Map<number, number>();\n',
      },
    ],
  },
  {
    id: 'm35',
    trap: 'a leader takes the first batch of a transaction without asking the coordinator, which never tells it the end',
    budgetSeeds: 5,
    scenario: 'S12',
    patches: [
      {
        file: `${coordinator}/transaction/transaction-verifier.ts`,
        find: '    const untilMs = clock.monotonicMs() + maxAskingMs;\n',
        replace: '    const untilMs = clock.monotonicMs() + maxAskingMs;\n    if (partitions.length > 0) return;\n',
      },
    ],
  },
  {
    id: 'm36',
    trap: 'a coordinator ends whatever transaction is open, of whichever epoch the request is',
    budgetSeeds: 20,
    scenario: 'S12',
    patches: [
      {
        file: `${coordinator}/transaction/decisions/end-transaction.ts`,
        find: 'if (!isSame(state.current, identity)) return answerAgain(state, command);',
        replace: 'if (state.current.producerId !== identity.producerId) return answerAgain(state, command);',
      },
    ],
  },
  {
    id: 'm37',
    trap: 'a marker that is sent again is refused as that of another time, for ever',
    budgetSeeds: 5,
    scenario: 'S13',
    patches: [
      {
        file: 'packages/storage/src/producer-state/producer-state.ts',
        find: '    const { markerOffset, lastActivityMs } = entry;\n',
        replace:
          "    if (batch.producerId >= 0) throw new MillraceError('NOT_LEADER_OR_FOLLOWER', 'This marker is old.');\n" +
          '    const { markerOffset, lastActivityMs } = entry;\n',
      },
    ],
  },
  {
    id: 'm38',
    trap: 'producers are forgotten by the timestamps of their records: one that sends old data is new with every batch',
    budgetSeeds: 5,
    scenario: 'S29',
    patches: [
      {
        file: 'packages/storage/src/producer-state/producer-state.ts',
        find: 'entry = new ProducerEntry(batch.producerId, batch.producerEpoch, nowMs);',
        replace: 'entry = new ProducerEntry(batch.producerId, batch.producerEpoch, batch.maxTimestamp);',
      },
      {
        file: 'packages/storage/src/producer-state/producer-state.ts',
        find: '      entry.apply(batch, nowMs);\n',
        replace: '      entry.apply(batch, batch.maxTimestamp);\n',
      },
    ],
  },
  {
    id: 'm39',
    trap: 'a group tells how far it is while a transaction that moves it on is being committed',
    budgetSeeds: 10,
    scenario: 'S15',
    patches: [
      {
        file: `${coordinator}/group/decisions/fetch-offsets.ts`,
        find: 'const unstable = request.requireStable ? unstablePartitions(group) : none;',
        replace: "const unstable = group.group === '' ? unstablePartitions(group) : none;",
      },
    ],
  },
  {
    id: 'm40',
    trap: 'a commit counts whoever sends it: one of a member that was put out undoes what its successor has committed',
    budgetSeeds: 5,
    scenario: 'S28',
    patches: [
      {
        file: `${coordinator}/group/decisions/commit-checks.ts`,
        find: '  if (current === undefined) {\n',
        replace: '  if (current === undefined && memberEpoch > 0) return undefined;\n  if (current === undefined) {\n',
      },
      {
        file: `${coordinator}/group/decisions/commit-checks.ts`,
        find: 'if (since !== undefined && since <= memberEpoch) return;',
        replace: 'if (memberEpoch > 0 || (since !== undefined && since <= memberEpoch)) return;',
      },
      {
        file: `${coordinator}/group/decisions/commit-checks.ts`,
        find: 'if (before === undefined || entry.offset >= before.offset) return;',
        replace: 'if (before === undefined || entry.offset >= 0) return;',
      },
    ],
  },
  {
    id: 'm41',
    trap: 'a coordinator answers when it has read what it knows to be committed, not what earlier ones acknowledged',
    budgetSeeds: 100,
    nodesMax,
    patches: [
      {
        file: `${coordinator}/host/partition-committed-log.ts`,
        find: '    const end = this.endPosition;\n    await this.committed(end);\n    const view',
        replace: '    const end = this.committedPosition;\n    const view',
      },
    ],
  },
  {
    id: 'm43',
    trap: 'each rebalance shares everything out anew, whoever had it before',
    budgetSeeds: 5,
    scenario: 'S23',
    patches: [
      {
        file: `${coordinator}/assignor/uniform-assignor.ts`,
        find: 'const kept = [...member.owned].filter((key) => unclaimed.delete(key)).sort(racks.nearestFirst(member));',
        replace:
          "const kept = [...member.owned].filter((key) => unclaimed.has(key) && key === '').sort(racks.nearestFirst(member));",
      },
    ],
  },
  {
    id: 'm43b',
    trap: 'a heartbeat that says again what the coordinator knows begins a rebalance',
    budgetSeeds: 10,
    scenario: 'S26',
    patches: [
      {
        file: `${coordinator}/group/decisions/heartbeat.ts`,
        find: '  if (before.assignor !== after.assignor) {\n',
        replace: '  if (before.assignor !== after.assignor || rebalanceTimeoutMs > 0) {\n',
      },
      {
        file: `${coordinator}/group/decisions/heartbeat.ts`,
        find: '  { memberId }: ConsumerGroupHeartbeatRequest,\n',
        replace: '  { memberId, rebalanceTimeoutMs }: ConsumerGroupHeartbeatRequest,\n',
      },
    ],
  },
  {
    id: 'm42',
    trap: 'offsets expire by their age, whether the group has members or not',
    budgetSeeds: 3,
    scenario: 'S25',
    patches: [
      {
        file: `${coordinator}/group/decisions/expire-offsets.ts`,
        find: 'return members.size === 0 && isRetentionOver(',
        replace: 'return members.size >= 0 && isRetentionOver(',
      },
    ],
  },
];
