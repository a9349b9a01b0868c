/** The same work on what users would pick instead, by bench/peers, which is installed apart from everything else. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { atLeast, type Goal } from '../report/goal.js';
import { formatSpread, type Spread, spread } from '../report/statistics.js';
import { defineSuite, type Scale } from '../suite.js';

interface PeerRound {
  readonly producedPerSecond: number;
  readonly consumedPerSecond: number;
  readonly cpuSecondsPerMillion: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Values in each call of the client: above 1 its user has to gather them. */
  readonly valuesPerCall: number;
}

interface PeerLine extends Partial<PeerRound> {
  readonly name: string;
  readonly durability: string;
  readonly isSynced: boolean;
  /** Why there are no figures. */
  readonly skipped?: string;
}

type PeerFigures = readonly PeerLine[];

const script = fileURLToPath(new URL('../../peers/run.mjs', import.meta.url));
const ours = 'Millrace';

async function measure({ pick }: Scale): Promise<PeerFigures> {
  const args = [script, '--rounds', String(pick(1, 3)), '--seconds', String(pick(1, 2))];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 24 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as PeerLine);
}

function spreadOf(lines: PeerFigures, figure: keyof PeerRound): Spread | undefined {
  const values = lines.flatMap((line) => line[figure] ?? []);
  return values.length === 0 ? undefined : spread(values);
}

function named(figures: PeerFigures, name: string): PeerFigures {
  return figures.filter((line) => line.name === name);
}

function rowsOf(figures: PeerFigures): string[][] {
  return [...new Set(figures.map(({ name }) => name))].map((name) => {
    const lines = named(figures, name);
    const [{ isSynced, durability, skipped } = { isSynced: false, durability: '' }] = lines;
    const cell = (figure: keyof PeerRound, digits = 0): string => {
      const value = spreadOf(lines, figure);
      return value === undefined ? `SKIP: ${skipped ?? ''}` : formatSpread(value, digits);
    };
    return [
      name,
      isSynced ? 'yes' : 'no',
      durability,
      cell('producedPerSecond'),
      ...(spreadOf(lines, 'producedPerSecond') === undefined
        ? ['', '', '', '']
        : [cell('consumedPerSecond'), cell('cpuSecondsPerMillion', 1), cell('p50Ms', 2), cell('p99Ms', 2)]),
    ];
  });
}

/** Ours, synced, against the best other one that is not synced, by rounds. */
function goalsOf(figures: PeerFigures): Goal[] {
  const own = named(figures, ours);
  const others = figures.filter(({ name, isSynced }) => !name.startsWith(ours) && !isSynced);
  const against = (candidates: PeerFigures): Spread | undefined => {
    const best = Math.max(...candidates.map(({ producedPerSecond = 0 }) => producedPerSecond));
    const ratios = own.flatMap(({ producedPerSecond }) =>
      producedPerSecond === undefined ? [] : producedPerSecond / best,
    );
    return best > 0 && ratios.length > 0 ? spread(ratios) : undefined;
  };
  const single = against(others.filter(({ valuesPerCall }) => valuesPerCall === 1));
  const any = against(others);
  return [
    ...(single === undefined
      ? []
      : [atLeast('produced with fsync / best peer without fsync, one value a call', single, 5, 1)]),
    ...(any === undefined ? [] : [atLeast('produced with fsync / best peer without fsync, batches or not', any, 1, 1)]),
  ];
}

export const peers = defineSuite<PeerFigures>({
  name: 'peers',
  title: 'What users would pick instead',
  isOnRequest: true,
  measure,
  present: (figures) => ({
    goals: goalsOf(figures),
    tables: [
      {
        title: 'Medians with their ranges; systems took turns',
        head: [
          'system',
          'fsync before the acknowledgement',
          'durability in force',
          'produced, records/s',
          'consumed, records/s',
          'server CPU s / million',
          'acknowledged at 500/s, p50 ms',
          'p99 ms',
        ],
        rows: rowsOf(figures),
      },
    ],
    notes: `\`bench/peers/install.sh\` installs what can be had on Debian; what is missing is skipped. One partition, stream or queue on one
node, values of 100 bytes, one client process with an official or widely used Node.js client, as it is meant to be used: where it
takes batches it gets batches, where not a thousand calls are in flight. Compare what is synced with what is synced: an
acknowledgement from the page cache is another promise. The Kafka client is @platformatic/kafka; RabbitMQ's streams are written over
AMQP, because its stream client needs a newer server than Debian's, which would be faster. BullMQ is a work queue: it does more.`,
  }),
});
