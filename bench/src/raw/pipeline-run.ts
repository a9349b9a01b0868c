/** What one load through a sender, a middle and a receiver came to, whoever they are. */
import type { ProcessSpan } from '../nodes/process-span.js';
import type { ProcessUsage } from '../nodes/process-usage.js';

/** Of one process, per million records that it handled. */
export interface ProcessCost {
  readonly cpuSecondsPerMillion: number;
  readonly peakMb: number;
}

export interface PipelineRun {
  /** From the first measured record handed over to the last one acknowledged and read. */
  readonly recordsPerSecond: number;
  readonly sender: ProcessCost | undefined;
  readonly middle: ProcessCost;
  readonly receiver: ProcessCost | undefined;
}

export interface PipelineLoad {
  /** Measured, and before that. */
  readonly records: number;
  readonly warmupRecords: number;
}

/** Runs a sender, a receiver or both at the same time, and puts together what they and the middle report. */
export async function runPipeline(
  { records, warmupRecords }: PipelineLoad,
  middleUsage: () => ProcessUsage,
  ends: { readonly send?: () => Promise<ProcessSpan>; readonly receive?: () => Promise<ProcessSpan> },
): Promise<PipelineRun> {
  const before = middleUsage();
  const [received, sent] = await Promise.all([ends.receive?.(), ends.send?.()]);
  const after = middleUsage();
  const startedAtMs = sent?.startedAtMs ?? received?.startedAtMs ?? NaN;
  const endedAtMs = Math.max(sent?.endedAtMs ?? 0, received?.endedAtMs ?? 0);
  return {
    recordsPerSecond: (records / (endedAtMs - startedAtMs)) * 1000,
    sender: sent && costOf(sent.cpuSeconds, sent.maxRssBytes, records),
    // It cannot be told when the warm-up was over: it counts.
    middle: costOf(after.cpuSeconds - before.cpuSeconds, after.peakBytes, records + warmupRecords),
    receiver: received && costOf(received.cpuSeconds, received.maxRssBytes, records),
  };
}

function costOf(cpuSeconds: number, peakBytes: number, records: number): ProcessCost {
  return { cpuSecondsPerMillion: (cpuSeconds / records) * 1e6, peakMb: peakBytes / 1e6 };
}
