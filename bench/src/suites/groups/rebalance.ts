/** A group of one member with a thousand partitions becomes a hundred, and then half of them leave. */
import { Admin } from 'millrace';
import { startMillrace } from '../../nodes/millrace-node.js';
import { type Spread, spread } from '../../report/statistics.js';
import { defineSuite, type Scale } from '../../suite.js';
import { leaveAll, Member, untilShared } from './members.js';

interface RebalanceFigures {
  readonly partitions: number;
  readonly members: number;
  readonly grownMs: Spread;
  /** Partitions that members were given until all had their share, and the fewest with which that can be done. */
  readonly grownMoves: Spread;
  readonly fewestGrownMoves: number;
  readonly shrunkMs: Spread;
  readonly shrunkMoves: Spread;
  readonly fewestShrunkMoves: number;
}

const topic = 'rebalance';
const partitions = 1000;
const members = 100;

async function measure({ pick }: Scale): Promise<RebalanceFigures> {
  const rounds = pick(1, 5);
  const grownMs: number[] = [];
  const grownMoves: number[] = [];
  const shrunkMs: number[] = [];
  const shrunkMoves: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await using node = await startMillrace();
    await using admin = new Admin({ bootstrap: node.bootstrap });
    await admin.createTopic({ name: topic, partitions });
    const place = { bootstrap: node.bootstrap, group: 'rebalance', topic };
    const all = [new Member(place)];
    try {
      await untilShared(all, partitions);
      const before = givenTo(all);
      const startedMs = performance.now();
      while (all.length < members) all.push(new Member(place));
      await untilShared(all, partitions / members);
      grownMs.push(performance.now() - startedMs);
      grownMoves.push(givenTo(all) - before);

      // Of every second, for who came first shall not matter.
      const leaving = all.filter((_, index) => index % 2 === 0);
      const staying = all.filter((_, index) => index % 2 === 1);
      const stayingBefore = givenTo(staying);
      const leftMs = performance.now();
      const left = leaveAll(leaving);
      await untilShared(staying, partitions / staying.length);
      shrunkMs.push(performance.now() - leftMs);
      shrunkMoves.push(givenTo(staying) - stayingBefore);
      await left;
    } finally {
      await leaveAll(all);
    }
  }
  return {
    partitions,
    members,
    grownMs: spread(grownMs),
    grownMoves: spread(grownMoves),
    fewestGrownMoves: partitions - partitions / members,
    shrunkMs: spread(shrunkMs),
    shrunkMoves: spread(shrunkMoves),
    fewestShrunkMoves: partitions / 2,
  };
}

function givenTo(of: readonly Member[]): number {
  return of.reduce((sum, { given }) => sum + given, 0);
}

export const groupRebalance = defineSuite<RebalanceFigures>({
  name: 'group-rebalance',
  title: 'A hundred members and a thousand partitions',
  measure,
  present: (of) => {
    const grown = `1 to ${of.members} members, ${of.partitions} partitions`;
    const shrunk = `${of.members} to ${of.members / 2} members`;
    return {
      figures: [
        { name: `${grown}: all have their share`, value: of.grownMs, unit: 'ms' },
        {
          name: `${grown}: partitions given, at least ${of.fewestGrownMoves}`,
          value: of.grownMoves,
          unit: 'partitions',
        },
        { name: `${shrunk}: all have their share`, value: of.shrunkMs, unit: 'ms' },
        {
          name: `${shrunk}: partitions given, at least ${of.fewestShrunkMoves}`,
          value: of.shrunkMoves,
          unit: 'partitions',
        },
      ],
      notes: `One node; all members are in one process, whose core they share, and come and go at once. Every one that comes
or goes is a rebalance of its own, and so some partitions move more often than once.`,
    };
  },
});
