/** What idempotence and transactions cost a producer: the same records without, in interleaved runs of one process. */
import { benchScript, runChild } from '../../nodes/child.js';
import { startMillrace } from '../../nodes/millrace-node.js';
import { atLeast, type Goal } from '../../report/goal.js';
import { sizeName } from '../../report/size-name.js';
import { type Spread, spread } from '../../report/statistics.js';
import { defineSuite, type Ratio, type Scale } from '../../suite.js';

const ways = [
  'plain',
  'oneInFlight',
  'idempotent',
  'inSteps',
  'transactional',
  'idempotentTogether',
  'transactionalTogether',
] as const;
type Way = (typeof ways)[number];

/** What `clients/produce-ways` prints: records a second, by round. */
type WaySpeeds = Readonly<Record<Way, readonly number[]>>;

interface CostFigures {
  readonly recordBytes: number;
  readonly recordsPerSecond: Readonly<Record<Way, Spread>>;
  /** Both with one batch of a partition in flight: what idempotence itself costs. */
  readonly oneInFlightToPlain: Spread;
  readonly idempotentToPlain: Spread;
  readonly transactionalToPlain: Spread;
  readonly transactionalToIdempotent: Spread;
  readonly inStepsToIdempotent: Spread;
  readonly transactionalToInSteps: Spread;
  /** Both of several producers at once. */
  readonly transactionalToIdempotentTogether: Spread;
}

const recordsPerTransaction = 1000;
const producers = 8;

async function measure({ rounds, pick }: Scale): Promise<CostFigures[]> {
  const figures: CostFigures[] = [];
  for (const recordBytes of [100, 1024]) {
    await using node = await startMillrace();
    const args = [node.bootstrap, recordBytes, recordsPerTransaction, pick(700, 4000), rounds, producers].map(String);
    const speeds = await runChild<WaySpeeds>(benchScript('clients/produce-ways'), args);
    const ratio = (of: Way, to: Way): Spread =>
      spread(speeds[of].map((value, round) => value / (speeds[to][round] ?? NaN)));
    figures.push({
      recordBytes,
      recordsPerSecond: {
        plain: spread(speeds.plain),
        oneInFlight: spread(speeds.oneInFlight),
        idempotent: spread(speeds.idempotent),
        inSteps: spread(speeds.inSteps),
        transactional: spread(speeds.transactional),
        idempotentTogether: spread(speeds.idempotentTogether),
        transactionalTogether: spread(speeds.transactionalTogether),
      },
      oneInFlightToPlain: ratio('oneInFlight', 'plain'),
      idempotentToPlain: ratio('idempotent', 'plain'),
      transactionalToPlain: ratio('transactional', 'plain'),
      transactionalToIdempotent: ratio('transactional', 'idempotent'),
      inStepsToIdempotent: ratio('inSteps', 'idempotent'),
      transactionalToInSteps: ratio('transactional', 'inSteps'),
      transactionalToIdempotentTogether: ratio('transactionalTogether', 'idempotentTogether'),
    });
  }
  return figures;
}

const perTransaction = recordsPerTransaction.toLocaleString('en-US');
const transactions = `transactions of ${perTransaction} records`;
const inSteps = `${perTransaction} records at a time, each time until all are acknowledged`;
const together = `${producers} producers at once`;
const wayTexts: Readonly<Record<Way, string>> = {
  plain: 'without idempotence',
  oneInFlight: 'idempotent, one batch in flight',
  idempotent: 'idempotent',
  inSteps: `idempotent, ${inSteps}`,
  transactional: transactions,
  idempotentTogether: `idempotent, ${together}`,
  transactionalTogether: `${transactions}, ${together}`,
};

function ratiosOf(of: CostFigures): Ratio[] {
  const size = sizeName(of.recordBytes);
  const better = 'higher';
  return [
    { name: `${size}: idempotent / without, one batch in flight each`, value: of.oneInFlightToPlain, better },
    { name: `${size}: idempotent / without`, value: of.idempotentToPlain, better },
    { name: `${size}: ${transactions} / without idempotence`, value: of.transactionalToPlain, better },
    { name: `${size}: ${transactions} / idempotent`, value: of.transactionalToIdempotent, better },
    { name: `${size}: idempotent in steps of as many / idempotent`, value: of.inStepsToIdempotent, better },
    { name: `${size}: ${transactions} / idempotent in steps of as many`, value: of.transactionalToInSteps, better },
    {
      name: `${size}: ${transactions} / idempotent, ${together} each`,
      value: of.transactionalToIdempotentTogether,
      better,
    },
  ];
}

function goalsOf(of: CostFigures): Goal[] {
  const size = sizeName(of.recordBytes);
  return [
    atLeast(`${size}: idempotent / without, one batch in flight each`, of.oneInFlightToPlain, 0.95),
    // Against what a producer does by default, which is the faster of the two.
    atLeast(`${size}: ${transactions} / idempotent`, of.transactionalToIdempotent, 0.8),
    atLeast(`${size}: ${transactions} / idempotent, ${together} each`, of.transactionalToIdempotentTogether, 0.8),
  ];
}

export const exactlyOnceCost = defineSuite<CostFigures[]>({
  name: 'exactly-once-cost',
  title: 'Idempotence and transactions',
  measure,
  present: (figures) => ({
    figures: figures.flatMap((of) => [
      ...ways.map((way) => ({
        name: `${sizeName(of.recordBytes)}: ${wayTexts[way]}`,
        value: of.recordsPerSecond[way],
        unit: 'records/s',
      })),
      ...ratiosOf(of).map(({ name, value }) => ({ name, value, unit: 'ratio', digits: 2 })),
    ]),
    goals: figures.flatMap(goalsOf),
    ratios: figures.flatMap(ratiosOf),
    notes: `One producer and one partition, every batch synced before it is acknowledged. Without idempotence a producer keeps the
order of its records by having one batch of a partition in flight at a time, and with it (the default) up to five: that is why
idempotence makes it faster. What idempotence itself costs is seen with one batch in flight each.

A producer has one transaction at a time. The next begins when the one before is committed, and so the syncs of the coordinator,
of the records and of the end come one after the other, where the others always have batches underway, and at 100 B put almost
five times as many records into each. What of this comes from waiting alone is seen where a producer without transactions hands
over ${perTransaction} records and waits until all are acknowledged. ${producers} producers at once keep the disk busy while each of
them waits; all of them write to one partition, from one process. What a transaction costs hardly depends on how much is in it:
larger ones come closer. Decision record 16 has the profile.`,
  }),
});
