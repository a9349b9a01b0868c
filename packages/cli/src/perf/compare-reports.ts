/** Two reports side by side: figures of loads of the same name, and what makes the two hard to compare. */
import type { ComparableReport } from './report.js';

export interface ComparedFigure {
  readonly load: string;
  readonly figure: string;
  readonly before: number;
  readonly after: number;
  /** Of the first; null where that is 0. */
  readonly changePercent: number | null;
}

export interface Comparison {
  readonly figures: readonly ComparedFigure[];
  /** Sentences for people: what differs between the two but for the figures. */
  readonly cautions: readonly string[];
}

type ReportedLoad = ComparableReport['loads'][number];

export function compareReports(before: ComparableReport, after: ComparableReport): Comparison {
  const cautions = [...differences(before, after)];
  const figures: ComparedFigure[] = [];
  for (const load of before.loads) {
    const other = after.loads.find(({ name }) => name === load.name);
    if (other === undefined) {
      cautions.push(`Only the first has a load ${load.name}.`);
      continue;
    }
    for (const key of settingsThatDiffer(load, other))
      cautions.push(
        `Load ${load.name}: ${key} is ${shown(load.settings[key])} in the first and ${shown(other.settings[key])} in the second.`,
      );
    const values = figuresOf(load);
    const otherValues = figuresOf(other);
    for (const [figure, value] of values) {
      const otherValue = otherValues.get(figure);
      if (otherValue !== undefined) figures.push(compared(load.name, figure, value, otherValue));
    }
  }
  for (const { name } of after.loads)
    if (!before.loads.some((load) => load.name === name)) cautions.push(`Only the second has a load ${name}.`);
  for (const [index, node] of before.nodes.entries()) {
    const other = after.nodes[index];
    if (other === undefined) continue;
    const load = `node ${index + 1}`;
    if (node.cpuSecondsPerMillionRecords !== null && other.cpuSecondsPerMillionRecords !== null)
      figures.push(compared(load, cpuFigure, node.cpuSecondsPerMillionRecords, other.cpuSecondsPerMillionRecords));
    figures.push(compared(load, peakFigure, node.peakRssBytes / 1e6, other.peakRssBytes / 1e6));
  }
  return { figures, cautions };
}

const cpuFigure = 'CPU s / million records';
const peakFigure = 'peak memory, MB';

function figuresOf({ result }: ReportedLoad): Map<string, number> {
  const { latencyMs: latency } = result;
  const figures: [string, number | null][] = [
    ['records/s', result.recordsPerSecond],
    ['MB/s', result.mbPerSecond],
    ['p50 ms', latency.p50],
    ['p90 ms', latency.p90],
    ['p99 ms', latency.p99],
    ['p99.9 ms', latency.p999],
    ['max ms', latency.max],
    [cpuFigure, result.records === 0 ? null : (result.cpuSeconds / result.records) * 1e6],
    [peakFigure, result.maxRssBytes / 1e6],
  ];
  return new Map(figures.filter((entry): entry is [string, number] => entry[1] !== null));
}

function compared(load: string, figure: string, before: number, after: number): ComparedFigure {
  return { load, figure, before, after, changePercent: before === 0 ? null : (after / before - 1) * 100 };
}

function* differences(before: ComparableReport, after: ComparableReport): Generator<string> {
  const sides = (name: string, one: unknown, other: unknown): string | undefined =>
    one === other ? undefined : `${name} differs: ${shown(one)} and ${shown(other)}.`;
  const all = [
    sides('The processor', before.machine.model, after.machine.model),
    sides('The number of cores', before.machine.cpus, after.machine.cpus),
    sides('Node.js', before.machine.node, after.machine.node),
    sides('Durability', before.topic.durability, after.topic.durability),
    sides('The number of partitions', before.topic.partitions, after.topic.partitions),
    sides('The number of replicas', before.topic.replicationFactor, after.topic.replicationFactor),
  ];
  for (const sentence of all) if (sentence !== undefined) yield sentence;
}

function settingsThatDiffer(one: ReportedLoad, other: ReportedLoad): string[] {
  const keys = new Set([...Object.keys(one.settings), ...Object.keys(other.settings)]);
  return [...keys].filter((key) => shown(one.settings[key]) !== shown(other.settings[key]));
}

function shown(value: unknown): string {
  return value === undefined ? 'not set' : JSON.stringify(value);
}
