/**
 * `.millrace_cleanshutdown`: the last process that used this data directory closed every log in order, so all of their
 * data is synced and nothing needs to be looked through.
 *
 *     {"version":0,"brokerEpoch":12}
 *
 * It is written last of all, and removed, durably, before anything else is written: were it still there after a crash,
 * it would vouch for data that was never synced.
 */
import type { FileSystem } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';

const fileName = '.millrace_cleanshutdown';
const maxBytes = 4096;

export interface CleanStop {
  /** The registration under which the node stopped; -1 when it had none. */
  readonly brokerEpoch: number;
}

/** Reads the mark and takes it away; undefined when the last stop was not a clean one. */
export async function takeCleanStopMark(files: FileSystem, directory: string): Promise<CleanStop | undefined> {
  const path = `${directory}/${fileName}`;
  const bytes = readSmallFile(files, path, maxBytes);
  if (bytes === undefined) return undefined;
  files.removeFile(path);
  await files.syncDirectory(directory);
  return parseMark(Buffer.from(bytes).toString('utf8'));
}

export function writeCleanStopMark(files: FileSystem, directory: string, stop: CleanStop): Promise<void> {
  const text = JSON.stringify({ version: 0, brokerEpoch: stop.brokerEpoch });
  return writeFileAtomically(files, `${directory}/${fileName}`, Buffer.from(text, 'utf8'));
}

function parseMark(text: string): CleanStop | undefined {
  const [, digits] = /^\{"version":0,"brokerEpoch":(-1|\d{1,15})\}$/.exec(text) ?? [];
  return digits === undefined ? undefined : { brokerEpoch: Number(digits) };
}
