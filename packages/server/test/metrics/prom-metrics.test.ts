import { describe, expect, test } from 'vitest';
import { PromMetrics } from '../../src/metrics/prom-metrics.js';

describe('PromMetrics', () => {
  test('counters, gauges and histograms come out as Prometheus text', async () => {
    const metrics = new PromMetrics();
    const labels = { api: 'Produce' };
    const counter = metrics.counter({ name: 'millrace_requests_total', help: 'Requests.', labels: ['api'] });
    counter.add(2, labels);
    counter.add(1, labels);
    counter.add(5, { api: 'Produce' });
    const gauge = metrics.gauge({ name: 'millrace_connections', help: 'Connections.' });
    gauge.set(7);
    const histogram = metrics.histogram({ name: 'millrace_wait_seconds', help: 'Waits.', buckets: [0.1, 1] });
    for (const seconds of [0.05, 0.5, 5]) histogram.record(seconds);
    const text = await metrics.text();
    expect(text).toContain('millrace_requests_total{api="Produce"} 8');
    expect(text).toContain('millrace_connections 7');
    expect(text).toContain('millrace_wait_seconds_bucket{le="1"} 2');
    expect(text).toContain('millrace_wait_seconds_count 3');
  });

  test('an observed gauge is asked at each scrape', async () => {
    const metrics = new PromMetrics();
    let value = 0;
    metrics.gauge({ name: 'millrace_log_bytes', help: 'Bytes.' }).observe(() => ++value);
    expect(await metrics.text()).toContain('millrace_log_bytes 1');
    expect(await metrics.text()).toContain('millrace_log_bytes 2');
  });

  test('a removed label set is shown no more', async () => {
    const metrics = new PromMetrics();
    const gauge = metrics.gauge({ name: 'millrace_partition_bytes', help: 'Bytes.', labels: ['topic'] });
    gauge.set(1, { topic: 'kept' });
    gauge.set(2, { topic: 'gone' });
    gauge.remove({ topic: 'gone' });
    const text = await metrics.text();
    expect(text).toContain('kept');
    expect(text).not.toContain('gone');
  });

  test('asking twice for a name gives one metric, and two registries do not mix', async () => {
    const [one, other] = [new PromMetrics(), new PromMetrics()];
    const definition = { name: 'millrace_requests_total', help: 'Requests.' };
    one.counter(definition).add(1);
    one.counter(definition).add(1);
    other.counter(definition).add(1);
    expect(await one.text()).toContain('millrace_requests_total 2');
    expect(await other.text()).toContain('millrace_requests_total 1');
  });

  test('a name that is not ours is a bug', () => {
    expect(() => new PromMetrics().gauge({ name: 'connections', help: '' })).toThrow('millrace_');
  });
});
