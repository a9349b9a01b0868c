/**
 * `cleaner-offset-checkpoint` in a partition's directory: up to where the log has been compacted, in Kafka's checkpoint
 * layout with one line `0 <offset>`. The number is a hint: too low, more is compacted again; the reader keeps it below
 * the log's end, past which it would leave records out. That it is not 0 says that offsets may be missing, whether they
 * were taken out here or by the leader that the log is copied from.
 */
import type { FileSystem } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';
import { decodeCheckpoint, encodeCheckpoint, parseNatural } from '../checkpoint-text.js';

const fileName = 'cleaner-offset-checkpoint';
const maxBytes = 1024;

export function readCleanOffset(files: FileSystem, directory: string): number {
  const bytes = readSmallFile(files, `${directory}/${fileName}`, maxBytes);
  const lines = bytes && decodeCheckpoint(bytes, (line) => parseNatural(line.replace(/^0 /, '')));
  return lines?.[0] ?? 0;
}

export function writeCleanOffset(files: FileSystem, directory: string, offset: number): Promise<void> {
  return writeFileAtomically(files, `${directory}/${fileName}`, encodeCheckpoint([`0 ${offset}`]));
}
