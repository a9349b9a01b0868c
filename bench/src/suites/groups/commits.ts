/** How many commits a second a group's coordinator takes from members that wait for each before they make the next. */
import { Admin } from 'millrace';
import { startMillrace } from '../../nodes/millrace-node.js';
import { type Spread, spread } from '../../report/statistics.js';
import { defineSuite, type Scale } from '../../suite.js';
import { leaveAll, Member, untilShared } from './members.js';

interface CommitFigures {
  readonly members: number;
  readonly commitsPerSecond: Spread;
}

const topic = 'commits';
const memberCounts = [1, 10];
const warmupMs = 500;

async function measure({ rounds, pick }: Scale): Promise<CommitFigures[]> {
  const forMs = pick(1000, 5000);
  const figures: CommitFigures[] = [];
  for (const members of memberCounts) {
    const commitsPerSecond = await measureCommits(members, { rounds, forMs });
    figures.push({ members, commitsPerSecond: spread(commitsPerSecond) });
  }
  return figures;
}

async function measureCommits(
  count: number,
  { rounds, forMs }: { readonly rounds: number; readonly forMs: number },
): Promise<number[]> {
  await using node = await startMillrace();
  const { bootstrap } = node;
  await using admin = new Admin({ bootstrap });
  await admin.createTopic({ name: topic, partitions: count });
  const members = Array.from({ length: count }, () => new Member({ bootstrap, group: 'commits', topic }));
  try {
    await untilShared(members, 1);
    let nextOffset = 1;
    const commitAll = async (ms: number): Promise<number> => {
      const startedMs = performance.now();
      const from = nextOffset;
      await Promise.all(
        members.map(async ({ consumer }) => {
          const own = consumer.assignment();
          // One count for all: no offset goes back, whose partition it may be.
          while (performance.now() - startedMs < ms) {
            await consumer.commit(own.map((partition) => ({ ...partition, offset: nextOffset++ })));
          }
        }),
      );
      return ((nextOffset - from) / (performance.now() - startedMs)) * 1000;
    };
    await commitAll(warmupMs);
    const speeds: number[] = [];
    for (let round = 0; round < rounds; round += 1) speeds.push(await commitAll(forMs));
    return speeds;
  } finally {
    await leaveAll(members);
  }
}

export const groupCommits = defineSuite<CommitFigures[]>({
  name: 'group-commits',
  title: 'Commits of a group',
  measure,
  present: (figures) => ({
    figures: figures.map(({ members, commitsPerSecond }) => ({
      name: `${members === 1 ? 'one member' : `${members} members`}, one commit at a time each`,
      value: commitsPerSecond,
      unit: 'commits/s',
    })),
    notes: `Each commit holds the offset of one partition and is answered when it is synced; commits of several members share a
sync. The members are in one process and have a partition each.`,
  }),
});
