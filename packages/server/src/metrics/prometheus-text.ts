/**
 * What was recorded, in Prometheus' text format, by prom-client: its registry escapes and formats whatever gives it
 * families of samples. A registry for each scrape: two nodes in one process do not mix.
 */
import prom from 'prom-client';
import type { MetricFamily } from './metrics-recorder.js';

export const prometheusContentType = prom.prometheusContentType;

export function prometheusText(families: readonly MetricFamily[]): Promise<string> {
  const registry = new prom.Registry();
  for (const { name, help, type, samples } of families) {
    const values = samples.map(({ suffix, labels, value }) => ({ metricName: name + suffix, labels, value }));
    const family = { name, help, type, aggregator: 'sum', values };
    // The part of a metric that a registry uses; the type asks for the classes that record, which are not ours.
    const metric = { name, get: () => Promise.resolve(family) };
    registry.registerMetric(metric as unknown as prom.Metric);
  }
  return registry.metrics();
}
