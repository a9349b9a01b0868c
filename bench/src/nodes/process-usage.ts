/** What another process has used so far, from Linux's /proc; NaN where there is none. */
import { readFileSync } from 'node:fs';

export interface ProcessUsage {
  /** User and system together, since its start. */
  readonly cpuSeconds: number;
  /** The largest resident set it ever had. */
  readonly peakBytes: number;
}

/** Of clock ticks, in which Linux counts: the same on all platforms that Node runs on. */
const ticksPerSecond = 100;

export function processUsage(pid: number): ProcessUsage {
  if (process.platform !== 'linux') return { cpuSeconds: NaN, peakBytes: NaN };
  // The name, in brackets, may hold blanks: fields are counted from behind it.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticksPerSecond,
    peakBytes: Number(peak?.[1]) * 1024,
  };
}
