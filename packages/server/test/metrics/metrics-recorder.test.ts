import { describe, expect, test } from 'vitest';
import { MetricsRecorder } from '../../src/metrics/metrics-recorder.js';
import { prometheusText } from '../../src/metrics/prometheus-text.js';

const textOf = (metrics: MetricsRecorder): Promise<string> => prometheusText(metrics.families());

describe('recorded metrics', () => {
  test('counters, gauges and histograms come out as Prometheus text', async () => {
    const metrics = new MetricsRecorder();
    const labels = { api: 'Produce' };
    const counter = metrics.counter({ name: 'millrace_requests_total', help: 'Requests.', labels: ['api'] });
    counter.add(2, labels);
    counter.add(1, labels);
    counter.add(5, { api: 'Produce' });
    const gauge = metrics.gauge({ name: 'millrace_connections', help: 'Connections.' });
    gauge.set(7);
    const histogram = metrics.histogram({ name: 'millrace_wait_seconds', help: 'Waits.', buckets: [0.1, 1] });
    for (const seconds of [0.05, 0.5, 5]) histogram.record(seconds);
    const text = await textOf(metrics);
    expect(text).toContain('millrace_requests_total{api="Produce"} 8');
    expect(text).toContain('millrace_connections 7');
    expect(text.split('\n').filter((line) => line.startsWith('millrace_wait_seconds'))).toEqual([
      'millrace_wait_seconds_bucket{le="0.1"} 1',
      'millrace_wait_seconds_bucket{le="1"} 2',
      'millrace_wait_seconds_bucket{le="+Inf"} 3',
      'millrace_wait_seconds_sum 5.55',
      'millrace_wait_seconds_count 3',
    ]);
    expect(text).toContain('# TYPE millrace_wait_seconds histogram');
  });

  test('an observed gauge is asked at each scrape', async () => {
    const metrics = new MetricsRecorder();
    let value = 0;
    metrics.gauge({ name: 'millrace_log_bytes', help: 'Bytes.' }).observe(() => ++value);
    expect(await textOf(metrics)).toContain('millrace_log_bytes 1');
    expect(await textOf(metrics)).toContain('millrace_log_bytes 2');
  });

  test('a removed label set is shown no more', async () => {
    const metrics = new MetricsRecorder();
    const gauge = metrics.gauge({ name: 'millrace_partition_bytes', help: 'Bytes.', labels: ['topic'] });
    gauge.set(1, { topic: 'kept' });
    gauge.set(2, { topic: 'gone' });
    gauge.remove({ topic: 'gone' });
    const text = await textOf(metrics);
    expect(text).toContain('kept');
    expect(text).not.toContain('gone');
  });

  test('asking twice for a name gives one metric, and two registries do not mix', async () => {
    const [one, other] = [new MetricsRecorder(), new MetricsRecorder()];
    const definition = { name: 'millrace_requests_total', help: 'Requests.' };
    one.counter(definition).add(1);
    one.counter(definition).add(1);
    other.counter(definition).add(1);
    expect(await textOf(one)).toContain('millrace_requests_total 2');
    expect(await textOf(other)).toContain('millrace_requests_total 1');
  });

  test('a bound of a bucket belongs to it', async () => {
    const metrics = new MetricsRecorder();
    metrics.histogram({ name: 'millrace_wait_seconds', help: 'Waits.', buckets: [1, 2] }).record(1);
    expect(await textOf(metrics)).toContain('millrace_wait_seconds_bucket{le="1"} 1');
  });

  test('label values are escaped, help too', async () => {
    const metrics = new MetricsRecorder();
    const counter = metrics.counter({ name: 'millrace_odd_total', help: 'Two\nlines.', labels: ['word'] });
    counter.add(1, { word: 'a"b\\c\nd' });
    const text = await textOf(metrics);
    expect(text).toContain('# HELP millrace_odd_total Two\\nlines.');
    expect(text).toContain('millrace_odd_total{word="a\\"b\\\\c\\nd"} 1');
  });

  test('labels that were not declared, and one name for two kinds, are bugs', () => {
    const metrics = new MetricsRecorder();
    const counter = metrics.counter({ name: 'millrace_requests_total', help: '', labels: ['api'] });
    expect(() => counter.add(1)).toThrow('[api]');
    expect(() => counter.add(1, { topic: 'x' })).toThrow('[topic]');
    expect(() => metrics.gauge({ name: 'millrace_requests_total', help: '' })).toThrow('is a counter already');
  });

  test('a name that is not ours is a bug', () => {
    expect(() => new MetricsRecorder().gauge({ name: 'connections', help: '' })).toThrow('millrace_');
  });
});
