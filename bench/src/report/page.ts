/** The page docs/benchmarks.md: what falls short first, then what is aimed at, then each suite with its tables and plots. */
import type { Section, Suite } from '../suite.js';
import type { Goal } from './goal.js';
import type { BenchResults, Machine, SuiteResult } from './results.js';
import { formatSpread } from './statistics.js';

export interface PresentedSuite {
  readonly suite: Suite;
  readonly result: SuiteResult;
  readonly section: Section;
}

export function presentSuites(suites: readonly Suite[], results: BenchResults): PresentedSuite[] {
  return suites.flatMap((suite) => {
    const result = results.suites[suite.name];
    return result === undefined ? [] : { suite, result, section: suite.present(result.figures) };
  });
}

export function reportPage(machine: Machine, presented: readonly PresentedSuite[]): string {
  const goals = presented.flatMap(({ section }) => section.goals ?? []);
  return `# Benchmarks

Written by \`npm run bench\` on one machine: ${describeMachine(machine)}. Make them again on yours.

Every acknowledged record was synced (\`acks=all\`, \`durability=fsync\`) where nothing else is said. Each figure is the median of
its rounds with the range; the processes of a benchmark share the cores of the machine.
${busyText(machine, presented)}
## Weak spots
${weakSpots(goals)}

## Aims
${table(['aim', 'wanted', 'median (range)', ''], goalRows(goals))}
${presented.map(suiteText).join('')}`;
}

/** Figures of a machine that others used are worth little, and the reader has to know. */
function busyText(machine: Machine, presented: readonly PresentedSuite[]): string {
  const busy = presented.filter(({ result }) => result.loadBefore > machine.cpus);
  if (busy.length === 0) return '';
  const names = busy.map(({ suite }) => suite.name).join(', ');
  return `\n**The load average was above the ${machine.cpus} cores** before these were measured, of which the suites before them are a part: ${names}.
Where other work was another part, absolute figures and above all latencies are worse for it; ratios of one round hold better.\n`;
}

export function goalRows(goals: readonly Goal[]): string[][] {
  return goals.map(({ aim, wanted, figure, isReached }) => [aim, wanted, figure, isReached ? 'reached' : '**missed**']);
}

export function figureRows({ figures = [] }: Section): string[][] {
  return figures.map(({ name, value, unit, digits }) => [
    name,
    typeof value === 'string' ? value : formatSpread(value, digits),
    unit,
  ]);
}

function weakSpots(goals: readonly Goal[]): string {
  const missed = goals.filter(({ isReached }) => !isReached).sort((a, b) => a.reachedShare - b.reachedShare);
  if (missed.length === 0) return 'Every aim was reached in this run.';
  const lines = missed.map(
    ({ aim, wanted, figure, reachedShare }) =>
      `- ${aim}: ${figure}, wanted ${wanted} (${Math.round(reachedShare * 100)} % of the way).`,
  );
  return `What this run did not reach, the worst first:\n\n${lines.join('\n')}`;
}

function suiteText({ suite, result, section }: PresentedSuite): string {
  const { commit, rounds, isQuick, loadBefore } = result;
  const parts = [
    `## ${suite.title}`,
    `\`npm run bench -- ${isQuick ? '--quick ' : ''}--only ${suite.name}\`, commit ${commit}, ${rounds} rounds, load average ${loadBefore.toFixed(1)} before.`,
    ...(section.notes === undefined ? [] : [section.notes]),
    ...(section.figures === undefined ? [] : [table(['figure', 'median (range)', 'unit'], figureRows(section))]),
    ...(section.tables ?? []).map(({ title, head, rows }) => `${title}.\n\n${table(head, rows)}`),
    ...(section.plots ?? []).map(({ title, name }) => `![${title}](plots/${name}.svg)`),
  ];
  return `\n${parts.join('\n\n')}\n`;
}

export function describeMachine({ node, cpus, model, memoryBytes }: Machine): string {
  return `Node ${node}, ${cpus} x ${model}, ${Math.round(memoryBytes / 2 ** 30)} GiB`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n');
}
