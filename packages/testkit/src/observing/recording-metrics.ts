import { assert, type Labels, type MetricDefinition, type Metrics } from '@millrace/base';

/** Metrics a test can read back. */
export interface RecordingMetrics extends Metrics {
  /** A counter's sum, a gauge's value, or the count of a histogram's recordings; 0 when never touched. */
  value(name: string, labels?: Labels): number;
  /** What was recorded into a histogram, in order; only the newest are kept. */
  recordings(name: string, labels?: Labels): readonly number[];
}

const recordingsMax = 10_000;

interface Series {
  value: number;
  readonly recordings: number[];
  read: (() => number) | undefined;
}

export function recordingMetrics(): RecordingMetrics {
  const metrics = new Map<string, Map<string, Series>>();
  const define = (definition: MetricDefinition): ((labels?: Labels) => Series) => {
    const names = [...(definition.labels ?? [])].sort();
    const byLabels = seriesOf(metrics, definition.name);
    return (labels = {}) => {
      const key = names.map((name) => labelText(name, labels[name])).join('\0');
      let series = byLabels.get(key);
      const given = Object.keys(labels);
      if (series === undefined || given.length !== names.length) {
        const text = given.sort().join();
        assert(text === names.join(), `${definition.name} has labels [${names.join()}], got [${text}]`);
        series = { value: 0, recordings: [], read: undefined };
        byLabels.set(key, series);
      }
      return series;
    };
  };
  return {
    counter(definition) {
      const series = define(definition);
      return {
        add: (value, labels) => {
          assert(value >= 0, `the counter ${definition.name} cannot go down`);
          series(labels).value += value;
        },
      };
    },
    gauge(definition) {
      const series = define(definition);
      return {
        set: (value, labels) => {
          series(labels).value = value;
        },
        observe: (read) => {
          series().read = read;
        },
        remove: (labels) => {
          metrics.get(definition.name)?.delete(keyOf(labels));
        },
      };
    },
    histogram(definition) {
      const series = define(definition);
      return {
        record: (value, labels) => {
          const target = series(labels);
          target.value += 1;
          if (target.recordings.length === recordingsMax) target.recordings.shift();
          target.recordings.push(value);
        },
      };
    },
    value(name, labels = {}) {
      const series = metrics.get(name)?.get(keyOf(labels));
      return series?.read?.() ?? series?.value ?? 0;
    },
    recordings(name, labels = {}) {
      return metrics.get(name)?.get(keyOf(labels))?.recordings ?? [];
    },
  };
}

function seriesOf(metrics: Map<string, Map<string, Series>>, name: string): Map<string, Series> {
  let byLabels = metrics.get(name);
  if (byLabels === undefined) {
    byLabels = new Map();
    metrics.set(name, byLabels);
  }
  return byLabels;
}

function keyOf(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => labelText(name, labels[name]))
    .join('\0');
}

function labelText(name: string, value: Labels[string] | undefined): string {
  return `${name}\0${value ?? '\0'}`;
}
