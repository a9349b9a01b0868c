/**
 * `leader-epoch-checkpoint` in a partition's directory: the leader epoch history, one `epoch startOffset` a line in
 * Kafka's checkpoint layout. Derived from the log's batches: lost or damaged, it is made anew by a scan. After a crash
 * it may name epochs whose records were lost with the unsynced tail; opening the log cuts those off.
 */
import type { FileSystem } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';
import { decodeCheckpoint, encodeCheckpoint, parseNatural } from '../checkpoint-text.js';
import { LeaderEpochHistory, type EpochEntry } from './leader-epoch-history.js';

export const leaderEpochCheckpointName = 'leader-epoch-checkpoint';

/** Room for some 300,000 changes of leader. */
const maxBytes = 8 * 1024 * 1024;

export function writeLeaderEpochCheckpoint(
  files: FileSystem,
  directory: string,
  history: LeaderEpochHistory,
): Promise<void> {
  const lines = history.entries.map((entry) => `${entry.epoch} ${entry.startOffset}`);
  return writeFileAtomically(files, `${directory}/${leaderEpochCheckpointName}`, encodeCheckpoint(lines));
}

/** Undefined when the file is absent or damaged: scan the log. */
export function readLeaderEpochCheckpoint(files: FileSystem, directory: string): LeaderEpochHistory | undefined {
  const bytes = readSmallFile(files, `${directory}/${leaderEpochCheckpointName}`, maxBytes);
  const entries = bytes && decodeCheckpoint(bytes, parseEntry);
  return entries && LeaderEpochHistory.from(entries);
}

function parseEntry(line: string): EpochEntry | undefined {
  const [epochText, offsetText, ...rest] = line.split(' ');
  const epoch = parseNatural(epochText ?? '');
  const startOffset = parseNatural(offsetText ?? '');
  if (epoch === undefined || startOffset === undefined || rest.length > 0) return undefined;
  return { epoch, startOffset };
}
