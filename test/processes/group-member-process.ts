/** Members of a group as real processes: `millrace consume --group`, each with what it printed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { environment, program } from './node-process.js';

export interface PrintedRecord {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

export interface MemberProcess {
  readonly child: ChildProcess;
  readonly records: readonly PrintedRecord[];
  readonly log: () => string;
  /** Sends a signal and resolves with the exit code, or null when the signal ended it. */
  readonly end: (signal: NodeJS.Signals) => Promise<number | null>;
}

export function startMember(topic: string, args: readonly string[]): MemberProcess {
  const all = [program, 'consume', topic, '--from', 'beginning', '--json', ...args];
  const child = spawn(process.execPath, all, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const records: PrintedRecord[] = [];
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  createInterface({ input: child.stdout }).on('line', (line) => records.push(JSON.parse(line) as PrintedRecord));
  const ended = once(child, 'close') as Promise<[number | null]>;
  return {
    child,
    records,
    log: () => log,
    end: async (signal) => {
      child.kill(signal);
      const [code] = await ended;
      return code;
    },
  };
}
