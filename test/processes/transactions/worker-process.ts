/** Programs that use transactions, as processes that can be killed, paused and replaced. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { environment } from '../node-process.js';

/** What a bank teller says of one transfer. */
export interface Told {
  readonly committed?: string;
  readonly aborted?: string;
  readonly failed?: string;
  readonly fenced?: string;
  readonly message?: string;
}

export class WorkerProcess {
  readonly told: Told[] = [];
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #log = '';

  constructor(script: string, args: readonly string[]) {
    const path = fileURLToPath(new URL(`../workers/${script}`, import.meta.url));
    const child = spawn(process.execPath, [path, ...args], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    createInterface({ input: child.stdout }).on('line', (line) => {
      // The last line of a process that was killed may be cut off.
      if (line.endsWith('}')) this.told.push(JSON.parse(line) as Told);
    });
    this.#child = child;
    this.#ended = once(child, 'close');
  }

  get log(): string {
    return this.#log;
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves with the exit code, null when a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.signal(signal);
    return this.ended();
  }
}
