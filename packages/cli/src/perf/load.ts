/** A load of one process: prepared, then run and measured, then closed. */
import type { Latencies } from './latencies.js';
import type { LoadSpan } from './load-clock.js';

export interface LoadTarget {
  readonly bootstrap: string;
  readonly topic: string;
}

export interface RunSignals {
  /** The user wants no more: what was measured is lost. */
  readonly abort: AbortSignal;
  /** The loads that write have ended: a reader without an end of its own may end. */
  readonly writersDone: AbortSignal;
}

export interface Load extends AsyncDisposable {
  /** Acknowledged or read so far in the measured part, and the bytes of their values. */
  readonly records: number;
  readonly bytes: number;
  readonly latencies: Latencies;
  /** Connects and warms up: what follows is measured. */
  prepare(abort: AbortSignal): Promise<void>;
  run(signals: RunSignals): Promise<LoadSpan>;
}
