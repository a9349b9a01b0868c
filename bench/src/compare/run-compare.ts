/**
 * `npm run bench:compare`: holds the ratios of the last run against bench/baseline.json and fails on a regression beyond
 * noise.
 *
 *     npm run bench -- --only throughput,replication
 *     npm run bench:compare
 *     npm run bench:compare -- --store      makes the last run the one to compare with
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { Command } from 'commander';
import { describeMachine, presentSuites } from '../report/page.js';
import { type Machine, readResults } from '../report/results.js';
import { formatSpread, type Spread } from '../report/statistics.js';
import type { Ratio } from '../suite.js';
import { suites } from '../suites.js';
import { compareRatios } from './compare-ratios.js';

interface Baseline {
  readonly machine: Machine;
  readonly commit: string;
  readonly ratios: readonly Ratio[];
}

const file = fileURLToPath(new URL('../../baseline.json', import.meta.url));
const { store } = new Command('npm run bench:compare --')
  .option('--store', 'make the last run the one to compare with', false)
  .parse()
  .opts<{ store: boolean }>();

const results = readResults();
const presented = presentSuites(suites, results).filter(({ section }) => section.ratios !== undefined);
const ratios = presented.flatMap(({ section }) => section.ratios ?? []);
if (ratios.length === 0) fail('There are no ratios yet: run npm run bench -- --only throughput,replication first.');
if (store) {
  const [commit = ''] = presented.map(({ result }) => result.commit);
  const baseline: Baseline = { machine: results.machine, commit, ratios };
  writeFileSync(file, `${JSON.stringify(baseline, null, 2)}\n`);
  process.stdout.write('Stored in bench/baseline.json\n');
} else {
  compare(JSON.parse(readFileSync(file, 'utf8')) as Baseline);
}

function compare(baseline: Baseline): void {
  const compared = compareRatios(baseline.ratios, ratios);
  process.stdout.write(`Stored: ${describeMachine(baseline.machine)}, commit ${baseline.commit}\n`);
  process.stdout.write(`Last run: ${describeMachine(results.machine)}\n`);
  const table = new Table({
    head: ['Ratio', 'Stored', 'Last run', ''],
    style: { head: [], border: [], compact: true },
  });
  const shown = (value: Spread | undefined): string => (value === undefined ? '-' : formatSpread(value, 2));
  for (const { name, before, after, verdict } of compared) table.push([name, shown(before), shown(after), verdict]);
  process.stdout.write(`${table.toString()}\n`);
  const regressions = compared.filter(({ verdict }) => verdict === 'regression');
  if (regressions.length > 0)
    fail(
      `${regressions.length} of ${compared.length} ratios fell beyond noise: profile, or store the new ones with --store.`,
    );
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(1);
}
