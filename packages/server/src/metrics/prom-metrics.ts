/**
 * Our metrics interface over prom-client, with a registry of its own: two nodes in one process do not mix.
 *
 * Callers on hot paths pass the same label objects again and again. Looking up a metric's child by label values means
 * hashing strings, so children are remembered by the identity of the label object.
 */
import type { Counter, Gauge, Histogram, Labels, MetricDefinition, Metrics } from '@millrace/base';
import { assert } from '@millrace/base';
import prom from 'prom-client';

export class PromMetrics implements Metrics {
  readonly #registry = new prom.Registry();
  readonly #made = new Map<string, Counter | Gauge | Histogram>();

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  counter(definition: MetricDefinition): Counter {
    return this.#once(definition, () => {
      const counter = new prom.Counter(this.#options(definition));
      const child = childOf<prom.Counter.Internal>((labels) => counter.labels(labels));
      return {
        add: (value, labels) => {
          if (labels === undefined) counter.inc(value);
          else child(labels).inc(value);
        },
      };
    });
  }

  gauge(definition: MetricDefinition): Gauge {
    return this.#once(definition, () => {
      let read: (() => number) | undefined;
      const gauge: prom.Gauge = new prom.Gauge({
        ...this.#options(definition),
        collect() {
          if (read !== undefined) this.set(read());
        },
      });
      const child = childOf<prom.Gauge.Internal<string>>((labels) => gauge.labels(labels));
      return {
        set: (value, labels) => {
          if (labels === undefined) gauge.set(value);
          else child(labels).set(value);
        },
        observe: (observed) => {
          read = observed;
        },
        remove: (labels) => gauge.remove(labels),
      };
    });
  }

  histogram(definition: MetricDefinition & { readonly buckets: readonly number[] }): Histogram {
    return this.#once(definition, () => {
      const histogram = new prom.Histogram({ ...this.#options(definition), buckets: [...definition.buckets] });
      const child = childOf<prom.Histogram.Internal<string>>((labels) => histogram.labels(labels));
      return {
        record: (value, labels) => {
          if (labels === undefined) histogram.observe(value);
          else child(labels).observe(value);
        },
      };
    });
  }

  #once<Metric extends Counter | Gauge | Histogram>({ name }: MetricDefinition, make: () => Metric): Metric {
    assert(name.startsWith('millrace_'), `metric names start with millrace_, got ${name}`);
    const made = this.#made.get(name) ?? make();
    this.#made.set(name, made);
    // One name is one kind of metric: prom-client itself refuses a second of another kind.
    return made as Metric;
  }

  #options({ name, help, labels }: MetricDefinition) {
    return { name, help, labelNames: [...(labels ?? [])], registers: [this.#registry] };
  }
}

/** Children by the identity of their label object, which is garbage with it. */
function childOf<Child>(make: (labels: Record<string, string>) => Child): (labels: Labels) => Child {
  const children = new WeakMap<Labels, Child>();
  return (labels) => {
    let child = children.get(labels);
    if (child === undefined) {
      child = make({ ...labels });
      children.set(labels, child);
    }
    return child;
  };
}
