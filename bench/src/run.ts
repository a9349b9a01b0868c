/**
 * `npm run bench`: measures the suites, prints their figures and what the project aims at beside what was reached, and
 * writes docs/benchmarks.md with its plots.
 *
 *     npm run bench                            everything
 *     npm run bench -- --quick                 within ten minutes: smaller, fewer rounds, for a first look
 *     npm run bench -- --only latency,failover only these; the page is not written
 *     npm run bench -- --page                  measures nothing; writes the page from the figures there are
 *
 * The figures are kept in bench/results/latest.json: a run of some suites replaces those and keeps the others.
 */
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { describeMachine, figureRows, goalRows, presentSuites, type PresentedSuite } from './report/page.js';
import {
  currentCommit,
  loadBefore,
  mergeResults,
  readResults,
  type SuiteResult,
  writeResults,
} from './report/results.js';
import { writePage } from './report/write-page.js';
import { type Scale, scaleOf, type Suite } from './suite.js';
import { suites } from './suites.js';

interface RunOptions {
  readonly quick: boolean;
  readonly page: boolean;
  readonly only?: readonly Suite[];
  readonly rounds?: number;
}

const names = suites.map(({ name }) => name).join(', ');
const options = new Command('npm run bench --')
  .option('--quick', 'smaller and fewer rounds', false)
  .option('--only <names>', `some suites, separated by commas: ${names}`, suitesOf)
  .option('--rounds <n>', 'how often each figure is measured', Number)
  .option('--page', 'measure nothing and write docs/benchmarks.md from bench/results/latest.json', false)
  .parse()
  .opts<RunOptions>();

const isWhole = options.only === undefined;
const chosen = options.page ? [] : (options.only ?? suites.filter(({ isOnRequest }) => !isOnRequest));
const scale = scaleOf(options.quick, options.rounds);
for (const suite of chosen) {
  const result = await measure(suite, scale);
  // Kept one by one: what was measured is not lost when a later suite fails.
  writeResults(mergeResults(readResults(), { [suite.name]: result }));
}

const results = readResults();
const presented = presentSuites(isWhole ? suites : chosen, results);
print(presented);
if (isWhole) {
  await writePage(results.machine, presented);
  process.stdout.write('Written to docs/benchmarks.md and docs/plots; the figures to bench/results/latest.json\n');
}

function suitesOf(text: string): readonly Suite[] {
  return text.split(',').map((name) => {
    const suite = suites.find((candidate) => candidate.name === name);
    if (suite === undefined) throw new InvalidArgumentError(`There is no suite ${name}; there are ${names}.`);
    return suite;
  });
}

async function measure(suite: Suite, given: Scale): Promise<SuiteResult> {
  process.stderr.write(`measuring ${suite.name} ...`);
  const load = loadBefore();
  const measuredAt = new Date().toISOString();
  const startedMs = performance.now();
  const figures = await suite.measure(given);
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stderr.write(` ${seconds} s\n`);
  const { isQuick, rounds } = given;
  return { commit: currentCommit(), measuredAt, seconds, isQuick, rounds, loadBefore: load, figures };
}

function print(sections: readonly PresentedSuite[]): void {
  process.stdout.write(`\n${describeMachine(results.machine)}\n`);
  for (const { suite, section } of sections) {
    process.stdout.write(`\n${suite.title}\n`);
    if (section.figures !== undefined) printTable(['Figure', 'Median (range)', 'Unit'], figureRows(section));
    for (const { title, head, rows } of section.tables ?? []) {
      process.stdout.write(`${title}\n`);
      printTable([...head], rows);
    }
  }
  const goals = goalRows(sections.flatMap(({ section }) => section.goals ?? []));
  if (goals.length > 0) printTable(['Aim', 'Wanted', 'Median (range)', ''], goals);
}

function printTable(head: string[], rows: readonly (readonly string[])[]): void {
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  for (const row of rows) table.push([...row]);
  process.stdout.write(`${table.toString()}\n`);
}
