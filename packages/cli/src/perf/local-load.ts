/** One process's part of a load in this process: what a load process does, and all there is when there is only one. */
import type { Load, LoadTarget } from './load.js';
import type { ProcessResult } from './load-messages.js';
import type { LoadSpec } from './load-spec.js';
import { openLoad } from './open-load.js';

/** A part of a load, wherever it runs. */
export interface LoadPart extends AsyncDisposable {
  readonly spec: LoadSpec;
  readonly records: number;
  readonly bytes: number;
  prepare(abort: AbortSignal): Promise<void>;
  run(abort: AbortSignal): Promise<ProcessResult>;
  /** The loads that write have ended. */
  writersDone(): void;
}

export class LocalLoad implements LoadPart {
  readonly spec: LoadSpec;
  readonly #load: Load;
  readonly #writersDone = new AbortController();

  constructor(spec: LoadSpec, target: LoadTarget & { readonly isStamped: boolean }) {
    this.spec = spec;
    this.#load = openLoad(spec, target);
  }

  get records(): number {
    return this.#load.records;
  }

  get bytes(): number {
    return this.#load.bytes;
  }

  prepare(abort: AbortSignal): Promise<void> {
    return this.#load.prepare(abort);
  }

  async run(abort: AbortSignal): Promise<ProcessResult> {
    const span = await this.#load.run({ abort, writersDone: this.#writersDone.signal });
    const { records, bytes, latencies } = this.#load;
    const maxRssBytes = process.resourceUsage().maxRSS * 1024;
    return { pid: process.pid, records, bytes, span, maxRssBytes, histogram: latencies.encode() };
  }

  writersDone(): void {
    this.#writersDone.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#load[Symbol.asyncDispose]();
  }
}
