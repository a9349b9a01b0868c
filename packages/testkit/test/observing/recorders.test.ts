import { expect, test } from 'vitest';
import { recordingLogger, recordingMetrics } from '../../src/index.js';

test('a recording logger keeps its own lines and those of its children, with all fields', () => {
  const logger = recordingLogger();
  logger.info('started');
  logger.child({ partition: 3 }).child({ topic: 't' }).warn('slow', { ms: 5 });
  expect(logger.lines).toEqual([
    { level: 'info', message: 'started', fields: {} },
    { level: 'warn', message: 'slow', fields: { partition: 3, topic: 't', ms: 5 } },
  ]);
});

test('a recording logger drops the oldest lines at last', () => {
  const logger = recordingLogger();
  for (let count = 0; count < 25_000; count += 1) logger.debug(`line ${count}`);
  expect(logger.lines.length).toBeLessThanOrEqual(10_000);
  expect(logger.lines.at(-1)?.message).toBe('line 24999');
});

test('recording metrics can be read back by name and labels', () => {
  const metrics = recordingMetrics();
  const requests = metrics.counter({ name: 'requests_total', help: '', labels: ['api', 'code'] });
  requests.add(2, { api: 'fetch', code: 'ok' });
  metrics.counter({ name: 'requests_total', help: '', labels: ['api', 'code'] }).add(1, { code: 'ok', api: 'fetch' });
  expect(metrics.value('requests_total', { api: 'fetch', code: 'ok' })).toBe(3);
  expect(metrics.value('requests_total', { api: 'produce', code: 'ok' })).toBe(0);
  const open = metrics.gauge({ name: 'open', help: '', labels: ['kind'] });
  open.set(5, { kind: 'a' });
  expect(metrics.value('open', { kind: 'a' })).toBe(5);
  open.remove({ kind: 'a' });
  expect(metrics.value('open', { kind: 'a' })).toBe(0);
  let size = 7;
  metrics.gauge({ name: 'size', help: '' }).observe(() => size);
  size = 8;
  expect(metrics.value('size')).toBe(8);
  const seconds = metrics.histogram({ name: 'seconds', help: '', buckets: [1] });
  seconds.record(0.5);
  seconds.record(2);
  expect(metrics.value('seconds')).toBe(2);
  expect(metrics.recordings('seconds')).toEqual([0.5, 2]);
});

test('labels other than the defined ones are a bug', () => {
  const requests = recordingMetrics().counter({ name: 'requests_total', help: '', labels: ['api'] });
  expect(() => {
    requests.add(1);
  }).toThrow(/has labels \[api\], got \[\]/);
  expect(() => {
    requests.add(-1, { api: 'x' });
  }).toThrow(/cannot go down/);
});
