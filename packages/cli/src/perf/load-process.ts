/** One process's part of a load in a process of its own: this program again, spoken to by messages. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Completion, completion, MillraceError } from '@millrace/base';
import type { LoadTarget } from './load.js';
import type { FromLoad, ProcessResult, ToLoad } from './load-messages.js';
import type { LoadSpec } from './load-spec.js';
import type { LoadPart } from './local-load.js';

const stopWaitMs = 10_000;

export class LoadProcess implements LoadPart {
  readonly spec: LoadSpec;
  readonly #target: LoadTarget & { readonly isStamped: boolean };
  readonly #child: ChildProcess;
  readonly #prepared = completion<undefined>();
  readonly #done = completion<ProcessResult>();
  readonly #ended: Promise<unknown>;
  records = 0;
  bytes = 0;

  constructor(spec: LoadSpec, target: LoadTarget & { readonly isStamped: boolean }) {
    this.spec = spec;
    this.#target = target;
    // Of its own process group: Ctrl-C in a terminal is for us, and we end our loads.
    this.#child = fork(process.argv[1] ?? '', ['perf', 'worker'], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.#ended = once(this.#child, 'exit');
    this.#child.on('message', (message: FromLoad) => this.#on(message));
    this.#child.once('error', (error) => this.#fail('UNKNOWN', `could not be started: ${error.message}`));
    this.#child.once('exit', (code, signal) =>
      this.#fail(
        'UNKNOWN',
        `ended ${signal === null ? `with exit code ${String(code)}` : `by ${signal}`} before it was done`,
      ),
    );
    // Whoever waits for them hears of it.
    this.#prepared.promise.catch(() => undefined);
    this.#done.promise.catch(() => undefined);
  }

  prepare(abort: AbortSignal): Promise<void> {
    this.#tell({ type: 'prepare', spec: this.spec, ...this.#target });
    return this.#answer(this.#prepared, abort);
  }

  run(abort: AbortSignal): Promise<ProcessResult> {
    this.#tell({ type: 'run' });
    return this.#answer(this.#done, abort);
  }

  writersDone(): void {
    this.#tell({ type: 'writersDone' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const hard = setTimeout(() => this.#child.kill('SIGKILL'), stopWaitMs);
    this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(hard);
  }

  #tell(message: ToLoad): void {
    // One that has ended hears nothing; its end was told.
    if (this.#child.connected) this.#child.send(message);
  }

  async #answer<Value>(wanted: Completion<Value>, abort: AbortSignal): Promise<Value> {
    abort.throwIfAborted();
    const onAbort = (): void => wanted.reject(abort.reason);
    abort.addEventListener('abort', onAbort, { once: true });
    try {
      return await wanted.promise;
    } finally {
      abort.removeEventListener('abort', onAbort);
    }
  }

  #on(message: FromLoad): void {
    switch (message.type) {
      case 'prepared':
        this.#prepared.resolve(undefined);
        break;
      case 'progress':
        this.records = message.records;
        this.bytes = message.bytes;
        break;
      case 'done':
        this.records = message.result.records;
        this.bytes = message.result.bytes;
        this.#done.resolve(message.result);
        break;
      case 'failed':
        this.#fail(message.code, message.message);
    }
  }

  #fail(code: string, message: string): void {
    const error = new MillraceError(code, `A ${this.spec.kind} load (process ${this.#child.pid ?? -1}): ${message}`);
    this.#prepared.reject(error);
    this.#done.reject(error);
  }
}
