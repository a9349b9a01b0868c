/**
 * Counters, gauges and histograms by name. Names start with `millrace_` and end in a unit (`_seconds`, `_bytes`,
 * `_total`). Asking twice for one name gives the same metric. Label values must come from small fixed sets.
 */
export interface Metrics {
  counter(definition: MetricDefinition): Counter;
  gauge(definition: MetricDefinition): Gauge;
  histogram(definition: MetricDefinition & { readonly buckets: readonly number[] }): Histogram;
}

export interface MetricDefinition {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

export interface Counter {
  add(value: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
  /** Asks for the value at each scrape instead of being set. */
  observe(read: () => number): void;
  remove(labels: Labels): void;
}

export interface Histogram {
  record(value: number, labels?: Labels): void;
}

const nothing = (): void => undefined;

/** Keeps nothing: for clients and tests that do not measure. */
export const noMetrics: Metrics = {
  counter: () => ({ add: nothing }),
  gauge: () => ({ set: nothing, observe: nothing, remove: nothing }),
  histogram: () => ({ record: nothing }),
};
