/**
 * A lock file that names its holder (`LockHolder`).
 *
 * The file appears with its text in one step (a link to a file already written), so nobody ever reads a half-written
 * one except after a power cut, when no holder lives.
 *
 * A lock whose holder is gone is moved aside and taken over. Between two that take over at the same moment the link
 * decides; the one that moved away a lock which is not the stale one it had read puts it back. A holder that cannot be
 * seen from here, in another container or on another machine, counts as alive: only people can tell.
 */
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import type { FileLock } from '../environment/file-system.js';
import { errorCode, MillraceError } from '../errors.js';
import { fateOf, type LockHolder, ownHolder, ownJudge, parseHolder } from './lock-holder.js';

/** More rounds than this means that others win the lock again and again, and hold it. */
const attemptsMax = 5;

let sequence = 0;

export function lockFile(path: string): FileLock {
  sequence += 1;
  const temporary = `${path}.${process.pid}.${performance.timeOrigin}.${sequence}`;
  const text = `${JSON.stringify({ ...ownHolder(), sequence, timeOrigin: performance.timeOrigin })}\n`;
  writeFileSync(temporary, text, { flag: 'wx' });
  try {
    for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
      if (tryLink(temporary, path)) return { release: () => release(path, text) };
      const found = readIfPresent(path);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      const fate = holder === undefined ? 'gone' : fateOf(holder, ownJudge());
      if (holder !== undefined && fate === 'unseen') throw unseenError(path, holder);
      if (fate === 'lives') throw lockedError(path, holder);
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
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function lockedError(path: string, holder: LockHolder | undefined): MillraceError {
  const who = holder === undefined ? 'other processes' : `process ${holder.pid} on ${holder.host}`;
  return new MillraceError(
    'DATA_DIRECTORY_LOCKED',
    `The data directory is in use by ${who} (lock file ${path}). ` +
      'Stop that process, or give this node a data directory of its own.',
  );
}

function unseenError(path: string, { pid, host }: LockHolder): MillraceError {
  return new MillraceError(
    'DATA_DIRECTORY_LOCKED',
    `The data directory is locked by process ${pid} on ${host}, another container or machine, and from here nobody can ` +
      'tell whether that node still runs. If it does, give this node a data directory of its own. If it is gone for ' +
      `certain, delete ${path} and start again.`,
  );
}
