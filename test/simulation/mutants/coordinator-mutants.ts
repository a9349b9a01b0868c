/** Bugs in the coordinators of transactions, shown by the schedules that are about them. */
import type { Mutant, NotPlanted } from './mutant.js';

const coordinator = 'packages/broker/src/coordinator';
const nodesMax = 5;

export const coordinatorMutants: readonly Mutant[] = [
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
        find: 'const kept = [...member.owned].filter((key) => all.has(key)).sort(racks.nearestFirst(member));',
        replace:
          "const kept = [...member.owned].filter((key) => all.has(key) && key === '').sort(racks.nearestFirst(member));",
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

export const notPlantedInCoordinators: readonly NotPlanted[] = [
  { id: 'm33', why: 'judged against a model of producers in packages/broker/test/coordinator/transaction' },
  { id: 'm34', why: 'an epoch is raised by nothing but a committed entry: no counter beside the log could be lost' },
  {
    id: 'm38',
    why: 'plans keep producers for longer than the jumps of the clocks that they draw; judged in packages/storage',
  },
];
