/** Begins to measure this process; the returned function ends that and tells, as `millrace perf` does of itself. */
export interface ProcessSpan {
  /** Milliseconds since 1970, with a fraction, so that spans of several processes can be put together. */
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly cpuSeconds: number;
  readonly maxRssBytes: number;
}

export function processSpan(): () => ProcessSpan {
  const startedAtMs = performance.timeOrigin + performance.now();
  const cpuAtStart = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpuAtStart);
    return {
      startedAtMs,
      endedAtMs: performance.timeOrigin + performance.now(),
      cpuSeconds: (user + system) / 1e6,
      maxRssBytes: process.resourceUsage().maxRSS * 1024,
    };
  };
}
