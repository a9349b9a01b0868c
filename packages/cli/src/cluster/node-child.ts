/**
 * One `millrace server` as a child process of this one. Its log lines go to our standard error, with the node's number in
 * front; its only line on standard output says that it serves.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { completion, MillraceError } from '@millrace/base';
import { printNote } from '../output/print.js';

export interface NodeEnd {
  readonly nodeId: number;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface NodeChildOptions {
  readonly nodeId: number;
  /** Of the program's own file: what runs now runs again. */
  readonly program: string;
  readonly args: readonly string[];
}

export class NodeChild {
  readonly nodeId: number;
  readonly #child: ChildProcess;
  readonly #ready = completion<string>();
  readonly #ended = completion<NodeEnd>();
  #lastLine = '';

  constructor({ nodeId, program, args }: NodeChildOptions) {
    this.nodeId = nodeId;
    // Of its own process group: Ctrl-C in a terminal is for us, and we stop the nodes in order.
    this.#child = spawn(process.execPath, [program, 'server', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { stdout, stderr } = this.#child;
    if (stdout !== null) createInterface({ input: stdout }).once('line', (line) => this.#ready.resolve(line));
    if (stderr !== null)
      createInterface({ input: stderr }).on('line', (line) => {
        this.#lastLine = line;
        printNote(`node ${nodeId} | ${line}`);
      });
    this.#child.once('error', (error) => this.#end({ nodeId, code: null, signal: null }, error));
    this.#child.once('close', (code, signal) => this.#end({ nodeId, code, signal }, undefined));
    // Whoever waits for it hears of it; nobody has to.
    this.#ready.promise.catch(() => undefined);
  }

  /** The line with which it says that it serves. Rejects when it ends before. */
  get ready(): Promise<string> {
    return this.#ready.promise;
  }

  get ended(): Promise<NodeEnd> {
    return this.#ended.promise;
  }

  get isRunning(): boolean {
    return !this.#ended.isSettled;
  }

  kill(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  #end(end: NodeEnd, cause: unknown): void {
    const how = howItEnded(end);
    const reason = this.#lastLine === '' ? '' : `: ${this.#lastLine}`;
    this.#ready.reject(
      new MillraceError('BROKER_NOT_AVAILABLE', `Node ${end.nodeId} ended ${how} before it served${reason}`, { cause }),
    );
    this.#ended.resolve(end);
  }
}

export function howItEnded({ code, signal }: NodeEnd): string {
  if (signal !== null) return `by ${signal}`;
  return code === null ? 'without having started' : `with exit code ${code}`;
}
