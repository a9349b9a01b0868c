/** What the process itself costs: memory, CPU, and how late its event loop runs. */
import type { Metrics } from '@millrace/base';
import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Finer costs a wake-up each time, also when the node is idle. */
const resolutionMs = 50;

/** Returns how to stop measuring. */
export function observeProcess(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const gauge = (name: string, help: string, read: () => number): void =>
    metrics.gauge({ name: `millrace_${name}`, help }).observe(read);
  gauge('process_resident_memory_bytes', 'Memory of the process.', () => process.memoryUsage.rss());
  gauge(
    'process_heap_used_bytes',
    'Live and dead objects in the JavaScript heap.',
    () => process.memoryUsage().heapUsed,
  );
  gauge('process_buffers_bytes', 'Buffers outside the JavaScript heap.', () => process.memoryUsage().arrayBuffers);
  gauge('process_cpu_seconds', 'User and system time used since the start.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge('process_uptime_seconds', 'Time since the process started.', () => process.uptime());
  const lateSeconds = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1000);
  gauge('event_loop_delay_p50_seconds', 'How late timers run: median since the last scrape.', () =>
    lateSeconds(delay.percentile(50)),
  );
  gauge('event_loop_delay_p99_seconds', 'How late timers run: 99th percentile since the last scrape.', () =>
    lateSeconds(delay.percentile(99)),
  );
  // Read last: what follows begins a new interval.
  gauge('event_loop_delay_max_seconds', 'How late timers run: worst since the last scrape.', () => {
    const worst = lateSeconds(delay.max);
    delay.reset();
    return worst;
  });
  return () => delay.disable();
}
