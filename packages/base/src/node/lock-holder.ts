/**
 * Who holds a lock file, and what this process can tell of its fate.
 *
 *     { "pid": 4711, "started": "6a457289-... 114269", "host": "db1", "pidNamespace": "pid:[4026531836]" }
 *
 * `started` is the boot's id and the process's start time in clock ticks since boot, where the system tells (Linux): a
 * process id alone is reused. A process id means something only within its namespace, which every container has its own of.
 *
 *     host    boot     namespace   fate
 *     same    same     same        as the process table says
 *     same    other    -           gone: the machine was started again
 *     same    same     other       gone where the host name is this container's own: the container was started again;
 *                                  unseen where containers share the machine's name
 *     other   same     same        as the process table says
 *     other   any      any         unseen: another container, or another machine on a shared file system
 *
 * Limit: two containers that were given the same host name by hand and share a volume pass for one that was started again.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { errorCode } from '../errors.js';

export interface LockHolder {
  readonly pid: number;
  /** Empty where the system does not tell, as `pidNamespace`. */
  readonly started: string;
  readonly host: string;
  readonly pidNamespace: string;
}

/** Where the judging process stands. */
export interface LockJudge {
  readonly host: string;
  readonly bootId: string;
  readonly pidNamespace: string;
  /** Containers that use the machine's own host name share it. */
  readonly hostNameIsShared: boolean;
}

export type HolderFate = 'lives' | 'gone' | 'unseen';

/** The first namespace of a Linux machine has the same number everywhere (`PROC_UTS_INIT_INO`). */
const machineHostNames = 'uts:[4026531838]';

export function ownHolder(): LockHolder {
  return {
    pid: process.pid,
    started: processStart(process.pid) ?? '',
    host: hostname(),
    pidNamespace: namespace('pid'),
  };
}

export function ownJudge(): LockJudge {
  return {
    host: hostname(),
    bootId: bootId() ?? '',
    pidNamespace: namespace('pid'),
    hostNameIsShared: namespace('uts') === machineHostNames,
  };
}

/** Undefined for a text that a power failure cut: whoever wrote it is gone. */
export function parseHolder(text: string): LockHolder | undefined {
  try {
    const value = JSON.parse(text) as Partial<LockHolder> | null;
    const pid = value?.pid;
    if (pid === undefined || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    return {
      pid,
      started: String(value?.started ?? ''),
      host: String(value?.host ?? ''),
      pidNamespace: String(value?.pidNamespace ?? ''),
    };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

export function fateOf(holder: LockHolder, judge: LockJudge): HolderFate {
  const holderBootId = holder.started.split(' ', 1)[0] ?? '';
  const isSameHost = holder.host === judge.host;
  if (holderBootId !== judge.bootId) return isSameHost ? 'gone' : 'unseen';
  if (holder.pidNamespace !== judge.pidNamespace) return isSameHost && !judge.hostNameIsShared ? 'gone' : 'unseen';
  // Without a boot's id and a namespace only the name tells one machine from another.
  if (!isSameHost && judge.bootId === '') return 'unseen';
  return isAlive(holder) ? 'lives' : 'gone';
}

function isAlive(holder: LockHolder): boolean {
  const started = processStart(holder.pid);
  if (started === undefined) return false;
  if (started !== '') return started === holder.started;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is there but belongs to another user.
    return errorCode(error) === 'EPERM';
  }
}

/** Undefined when there is no such process, empty when the system does not tell. */
function processStart(pid: number): string | undefined {
  const boot = bootId();
  if (boot === undefined) return '';
  const stat = read(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold spaces: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Killed, but its parent has not asked for the exit code yet.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return `${boot} ${fields[19] ?? ''}`;
}

function bootId(): string | undefined {
  return read(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'))?.trim();
}

function namespace(kind: 'pid' | 'uts'): string {
  return read(() => readlinkSync(`/proc/self/ns/${kind}`)) ?? '';
}

function read(from: () => string): string | undefined {
  try {
    return from();
  } catch (error) {
    // ESRCH: a process that ended while its entry under /proc was read.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}
