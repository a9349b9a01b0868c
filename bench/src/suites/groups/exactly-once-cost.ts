/** What idempotence and transactions cost a producer: the same records without, in interleaved runs of one process. */
import { benchScript, runChild } from '../../nodes/child.js';
import { startMillrace } from '../../nodes/millrace-node.js';
import { atLeast, type Goal } from '../../report/goal.js';
import { sizeName } from '../../report/size-name.js';
import { type Spread, spread } from '../../report/statistics.js';
import { defineSuite, type Ratio, type Scale } from '../../suite.js';

const ways = ['plain', 'oneInFlight', 'idempotent', 'transactional'] as const;
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
}

const recordsPerTransaction = 1000;

async function measure({ rounds, pick }: Scale): Promise<CostFigures[]> {
  const figures: CostFigures[] = [];
  for (const recordBytes of [100, 1024]) {
    await using node = await startMillrace();
    const args = [node.bootstrap, recordBytes, recordsPerTransaction, pick(700, 4000), rounds].map(String);
    const speeds = await runChild<WaySpeeds>(benchScript('clients/produce-ways'), args);
    const ratio = (of: Way, to: Way): Spread =>
      spread(speeds[of].map((value, round) => value / (speeds[to][round] ?? NaN)));
    figures.push({
      recordBytes,
      recordsPerSecond: {
        plain: spread(speeds.plain),
        oneInFlight: spread(speeds.oneInFlight),
        idempotent: spread(speeds.idempotent),
        transactional: spread(speeds.transactional),
      },
      oneInFlightToPlain: ratio('oneInFlight', 'plain'),
      idempotentToPlain: ratio('idempotent', 'plain'),
      transactionalToPlain: ratio('transactional', 'plain'),
      transactionalToIdempotent: ratio('transactional', 'idempotent'),
    });
  }
  return figures;
}

const transactions = `transactions of ${recordsPerTransaction.toLocaleString('en-US')} records`;
const wayTexts: Readonly<Record<Way, string>> = {
  plain: 'without idempotence',
  oneInFlight: 'idempotent, one batch in flight',
  idempotent: 'idempotent',
  transactional: transactions,
};

function ratiosOf(of: CostFigures): Ratio[] {
  const size = sizeName(of.recordBytes);
  const better = 'higher';
  return [
    { name: `${size}: idempotent / without, one batch in flight each`, value: of.oneInFlightToPlain, better },
    { name: `${size}: idempotent / without`, value: of.idempotentToPlain, better },
    { name: `${size}: ${transactions} / without idempotence`, value: of.transactionalToPlain, better },
    { name: `${size}: ${transactions} / idempotent`, value: of.transactionalToIdempotent, better },
  ];
}

function goalsOf(of: CostFigures): Goal[] {
  const size = sizeName(of.recordBytes);
  return [
    atLeast(`${size}: idempotent / without, one batch in flight each`, of.oneInFlightToPlain, 0.95),
    // Against what a producer does by default, which is the faster of the two.
    atLeast(`${size}: ${transactions} / idempotent`, of.transactionalToIdempotent, 0.8),
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
of the records and of the end come one after the other, where the others always have batches underway. What a transaction costs
hardly depends on how much is in it: larger ones come closer.`,
  }),
});
