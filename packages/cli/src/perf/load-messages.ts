/**
 * What `millrace perf` and a process of one of its loads say to each other:
 *
 *     ── prepare ─▶   ◀─ prepared ──   ── run ─▶   ◀─ progress, now and then ──   ── writersDone ─▶   ◀─ done ──
 *
 * At any time the process may say `failed`, and nothing after it.
 */
import type { LoadSpan } from './load-clock.js';
import type { LoadSpec } from './load-spec.js';

export type ToLoad =
  | {
      readonly type: 'prepare';
      readonly spec: LoadSpec;
      readonly bootstrap: string;
      readonly topic: string;
      readonly isStamped: boolean;
    }
  | { readonly type: 'run' }
  | { readonly type: 'writersDone' };

export type FromLoad =
  | { readonly type: 'prepared' }
  | { readonly type: 'progress'; readonly records: number; readonly bytes: number }
  | { readonly type: 'done'; readonly result: ProcessResult }
  | { readonly type: 'failed'; readonly code: string; readonly message: string };

/** What one process of a load came to. */
export interface ProcessResult {
  readonly pid: number;
  readonly records: number;
  readonly bytes: number;
  readonly span: LoadSpan;
  readonly maxRssBytes: number;
  /** Of the latencies, as HDR histograms are written down. */
  readonly histogram: string;
}
