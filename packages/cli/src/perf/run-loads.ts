/**
 * Runs loads beside each other: readers take their places, writers warm up, then all start at the same time. Readers
 * without an end of their own end after the writers. One load of one process runs in this process, any more in processes
 * of their own, so that they do not share a core's time by accident.
 */
import type { LoadTarget } from './load.js';
import type { ProcessResult } from './load-messages.js';
import { LoadProcess } from './load-process.js';
import { type LoadSpec, shareOf } from './load-spec.js';
import { type LoadPart, LocalLoad } from './local-load.js';

export interface LoadOutcome {
  readonly spec: LoadSpec;
  readonly processes: readonly ProcessResult[];
}

/** What a load has done so far, over all its processes. */
export interface LoadProgress {
  readonly spec: LoadSpec;
  readonly records: number;
  readonly bytes: number;
}

export interface RunLoadsOptions {
  readonly specs: readonly LoadSpec[];
  readonly target: LoadTarget;
  readonly abort: AbortSignal;
  /** Called once everything is prepared, with a look at what has been done; what it returns is called at the end. */
  readonly onStart: (progress: () => LoadProgress[]) => () => void;
}

export async function runLoads({ specs, target, abort, onStart }: RunLoadsOptions): Promise<LoadOutcome[]> {
  const failed = new AbortController();
  const either = AbortSignal.any([abort, failed.signal]);
  await using parts = new Parts(specs, target);
  const all = async <Value>(promises: readonly Promise<Value>[]): Promise<Value[]> => {
    try {
      return await Promise.all(promises);
    } catch (error) {
      // The others are told, and waited for by their disposal.
      failed.abort(error);
      throw error;
    }
  };
  await all(parts.readers.map((part) => part.prepare(either)));
  await all(parts.writers.map((part) => part.prepare(either)));
  const stop = onStart(() => parts.progress());
  try {
    const writing = parts.writers.map((part) => part.run(either));
    const done = Promise.all(writing).then(() => {
      for (const part of parts.readers) part.writersDone();
    });
    const reading = parts.readers.map((part) => part.run(either));
    const results = new Map<LoadPart, ProcessResult>();
    const order = [...parts.writers, ...parts.readers];
    const values = await all([...writing, ...reading]);
    await done;
    for (const [index, part] of order.entries()) results.set(part, values[index] as ProcessResult);
    return parts.byLoad.map(({ spec, members }) => ({
      spec,
      processes: members.flatMap((part) => results.get(part) ?? []),
    }));
  } finally {
    stop();
  }
}

class Parts implements AsyncDisposable {
  readonly byLoad: readonly { readonly spec: LoadSpec; readonly members: readonly LoadPart[] }[];
  readonly #all: readonly LoadPart[];

  constructor(specs: readonly LoadSpec[], target: LoadTarget) {
    const isStamped = specs.some((spec) => spec.kind === 'produce' && spec.stamp);
    const isAlone = specs.length === 1 && specs[0]?.processes === 1;
    const open = (spec: LoadSpec): LoadPart =>
      isAlone ? new LocalLoad(spec, { ...target, isStamped }) : new LoadProcess(spec, { ...target, isStamped });
    this.byLoad = specs.map((spec) => ({
      spec,
      members: Array.from({ length: spec.processes }, (_, index) => open(shareOf(spec, index))),
    }));
    this.#all = this.byLoad.flatMap(({ members }) => members);
  }

  get readers(): readonly LoadPart[] {
    return this.#all.filter(({ spec }) => spec.kind === 'consume');
  }

  get writers(): readonly LoadPart[] {
    return this.#all.filter(({ spec }) => spec.kind !== 'consume');
  }

  progress(): LoadProgress[] {
    return this.byLoad.map(({ spec, members }) => ({
      spec,
      records: members.reduce((sum, part) => sum + part.records, 0),
      bytes: members.reduce((sum, part) => sum + part.bytes, 0),
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#all.map((part) => part[Symbol.asyncDispose]()));
  }
}
