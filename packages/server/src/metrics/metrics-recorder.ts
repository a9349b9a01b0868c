/**
 * Our metrics interface as plain numbers. Recording costs an addition; what a scraper wants to read is made when it
 * asks (`prometheus-text.ts`), so that nothing of it is loaded or computed before.
 *
 * Callers on hot paths pass the same label objects again and again: a cell is found by the object's identity first, by
 * its values only for a new object.
 */
import {
  assert,
  type Counter,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricDefinition,
  type Metrics,
} from '@millrace/base';

/** All values of one metric at one moment. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly samples: readonly MetricSample[];
}

export interface MetricSample {
  /** What follows the family's name: `_bucket`, `_sum`, `_count` of a histogram, else nothing. */
  readonly suffix: '' | '_bucket' | '_sum' | '_count';
  readonly labels: Labels;
  readonly value: number;
}

interface Recorded {
  readonly metric: Counter | Gauge | Histogram;
  readonly type: MetricFamily['type'];
  readonly collect: () => MetricFamily;
}

export class MetricsRecorder implements Metrics {
  readonly #recorded = new Map<string, Recorded>();

  /** Every metric with its values now, in order of definition. */
  families(): MetricFamily[] {
    return [...this.#recorded.values()].map(({ collect }) => collect());
  }

  counter(definition: MetricDefinition): Counter {
    return this.#once(definition, 'counter', () => {
      const cells = new Cells(definition, () => ({ value: 0 }));
      const metric: Counter = {
        add: (value, labels) => {
          cells.of(labels).value += value;
        },
      };
      return { metric, samples: () => cells.map(({ labels, cell }) => [{ suffix: '', labels, value: cell.value }]) };
    });
  }

  gauge(definition: MetricDefinition): Gauge {
    return this.#once(definition, 'gauge', () => {
      const cells = new Cells(definition, () => ({ value: 0 }));
      let read: (() => number) | undefined;
      const metric: Gauge = {
        set: (value, labels) => {
          cells.of(labels).value = value;
        },
        observe: (observed) => {
          read = observed;
        },
        remove: (labels) => cells.remove(labels),
      };
      const samples = (): MetricSample[] => {
        if (read !== undefined) cells.of(undefined).value = read();
        return cells.map(({ labels, cell }) => [{ suffix: '', labels, value: cell.value }]);
      };
      return { metric, samples };
    });
  }

  histogram(definition: MetricDefinition & { readonly buckets: readonly number[] }): Histogram {
    return this.#once(definition, 'histogram', () => {
      const { buckets } = definition;
      // One count more than bounds: what is above all of them.
      const cells = new Cells(definition, () => ({ sum: 0, counts: new Array<number>(buckets.length + 1).fill(0) }));
      const metric: Histogram = {
        record: (value, labels) => {
          const cell = cells.of(labels);
          let index = 0;
          while (index < buckets.length && value > buckets[index]!) index++;
          cell.counts[index]! += 1;
          cell.sum += value;
        },
      };
      const samples = (): MetricSample[] => cells.map(({ labels, cell }) => histogramSamples(labels, cell, buckets));
      return { metric, samples };
    });
  }

  #once<Metric extends Counter | Gauge | Histogram>(
    { name, help }: MetricDefinition,
    type: MetricFamily['type'],
    make: () => { metric: Metric; samples: () => MetricSample[] },
  ): Metric {
    assert(name.startsWith('millrace_'), `metric names start with millrace_, got ${name}`);
    let recorded = this.#recorded.get(name);
    if (recorded === undefined) {
      const { metric, samples } = make();
      recorded = { metric, type, collect: () => ({ name, help, type, samples: samples() }) };
      this.#recorded.set(name, recorded);
    }
    assert(recorded.type === type, `${name} is a ${recorded.type} already, it cannot be a ${type}`);
    return recorded.metric as Metric;
  }
}

function histogramSamples(
  labels: Labels,
  cell: { sum: number; counts: readonly number[] },
  buckets: readonly number[],
): MetricSample[] {
  let count = 0;
  const samples: MetricSample[] = cell.counts.map((inBucket, index) => {
    count += inBucket;
    const le = index < buckets.length ? String(buckets[index]) : '+Inf';
    return { suffix: '_bucket', labels: { ...labels, le }, value: count };
  });
  samples.push({ suffix: '_sum', labels, value: cell.sum }, { suffix: '_count', labels, value: count });
  return samples;
}

const noLabels: Labels = {};

/** The values of one metric, one for each set of label values. */
class Cells<Cell> {
  readonly #definition: MetricDefinition;
  readonly #make: () => Cell;
  readonly #byValues = new Map<string, { readonly labels: Labels; readonly cell: Cell }>();
  #byIdentity = new WeakMap<Labels, Cell>();

  constructor(definition: MetricDefinition, make: () => Cell) {
    this.#definition = definition;
    this.#make = make;
    // A metric without labels is there from the beginning: absence would read as "not measured".
    if ((definition.labels ?? []).length === 0) this.of(undefined);
  }

  of(labels: Labels = noLabels): Cell {
    return this.#byIdentity.get(labels) ?? this.#find(labels);
  }

  remove(labels: Labels): void {
    this.#byValues.delete(keyOf(labels));
    this.#byIdentity = new WeakMap();
  }

  map(samplesOf: (entry: { labels: Labels; cell: Cell }) => MetricSample[]): MetricSample[] {
    return [...this.#byValues.values()].flatMap(samplesOf);
  }

  #find(labels: Labels): Cell {
    const { name, labels: declared = [] } = this.#definition;
    const given = Object.keys(labels);
    assert(
      given.length === declared.length && declared.every((label) => given.includes(label)),
      `${name} has labels [${declared.join()}], got [${given.join()}]`,
    );
    const key = keyOf(labels);
    let entry = this.#byValues.get(key);
    if (entry === undefined) {
      entry = { labels: { ...labels }, cell: this.#make() };
      this.#byValues.set(key, entry);
    }
    this.#byIdentity.set(labels, entry.cell);
    return entry.cell;
  }
}

function keyOf(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
