/**
 * A lock file that names its holder.
 *
 *     { "pid": 4711, "started": "6a457289-... 114269", "host": "db1" }
 *
 * `started` is the boot's id and the process's start time in clock ticks since boot, where the system tells (Linux):
 * a process id alone is reused, in a container after each restart. The file appears with its text in one step (a link
 * to a file already written), so nobody ever reads a half-written one except after a power cut, when no holder lives.
 *
 * A lock whose holder is gone is moved aside and taken over. Between two that take over at the same moment the link
 * decides; the one that moved away a lock which is not the stale one it had read puts it back.
 *
 * Limit: a holder in another container (process-id namespace) or on another host of a shared file system cannot be
 * seen and counts as gone. Give each node a volume of its own.
 */
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { FileLock } from '../environment/file-system.js';
import { errorCode, MillraceError } from '../errors.js';

interface Holder {
  readonly pid: number;
  /** Empty where the system does not tell. */
  readonly started: string;
  readonly host: string;
}

/** More rounds than this means that others win the lock again and again, and hold it. */
const attemptsMax = 5;

let sequence = 0;

export function lockFile(path: string): FileLock {
  sequence += 1;
  const own: Holder = { pid: process.pid, started: processStart(process.pid) ?? '', host: hostname() };
  const temporary = `${path}.${process.pid}.${performance.timeOrigin}.${sequence}`;
  const text = `${JSON.stringify({ ...own, sequence, timeOrigin: performance.timeOrigin })}\n`;
  writeFileSync(temporary, text, { flag: 'wx' });
  try {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (tryLink(temporary, path)) return { release: () => release(path, text) };
      const found = readIfPresent(path);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder !== undefined && isAlive(holder)) throw lockedError(path, holder);
      moveAside(path, `${temporary}.stale`, found);
    }
    throw lockedError(path, undefined);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function tryLink(temporary: string, path: string): boolean {
  try {
    linkSync(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function moveAside(path: string, aside: string, expected: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  // Someone else took the stale lock over after we had read it: what we moved away is a live one.
  if (readIfPresent(aside) !== expected) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, text: string): void {
  // Not ours any more when someone removed it by hand and another took it; releasing twice does nothing.
  if (readIfPresent(path) === text) unlinkSync(path);
}

function readIfPresent(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // ESRCH: a process that ended while its entry under /proc was read.
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ESRCH') return undefined;
    throw error;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    const pid = value?.pid;
    if (pid === undefined || !Number.isSafeInteger(pid) || pid <= 0) return undefined;
    return { pid, started: String(value?.started ?? ''), host: String(value?.host ?? '') };
  } catch (error) {
    // Cut by a power failure: whoever wrote it is gone.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isAlive(holder: Holder): boolean {
  const started = processStart(holder.pid);
  if (started === undefined) return false;
  if (started !== '' && holder.started !== '') return started === holder.started;
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
  const bootId = readIfPresent('/proc/sys/kernel/random/boot_id');
  if (bootId === undefined) return '';
  const stat = readIfPresent(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold spaces: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Killed, but its parent has not asked for the exit code yet.
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
  return `${bootId.trim()} ${fields[19] ?? ''}`;
}

function lockedError(path: string, holder: Holder | undefined): MillraceError {
  const who = holder === undefined ? 'other processes' : `process ${holder.pid} on ${holder.host}`;
  return new MillraceError(
    'DATA_DIRECTORY_LOCKED',
    `The data directory is in use by ${who} (lock file ${path}). ` +
      'Stop that process, or give this node a data directory of its own.',
  );
}
