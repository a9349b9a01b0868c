/**
 * What is on the disks after a graceful stop: A1, A2 (offsets and epochs ascend, the small files agree), G2 (no bad
 * checksum), G3 (indexes agree with the log), and the logs hold what the last drain read.
 */
import type { FileSystem } from '@millrace/base';
import { dumpLog } from '@millrace/storage';
import { scanLog } from '../cluster/scan-log.js';
import { partitionLabel, type Drain } from '../workload/history.js';
import { violation, type Violation } from './violation.js';

export interface DiskToCheck {
  readonly node: string;
  readonly files: FileSystem;
  /** Files that the simulator damaged itself; a node may keep them as long as it does not use them. */
  readonly rotten: ReadonlySet<string>;
}

export async function checkDisks(
  disks: readonly DiskToCheck[],
  drains: readonly Drain[],
  dataDirectory: string,
): Promise<Violation[]> {
  const found: Violation[] = [];
  for (const { node, files, rotten } of disks) {
    const problems: string[] = [];
    for await (const line of dumpLog(files, { path: dataDirectory, verify: true })) {
      if (line.kind === 'problem' && !rotten.has(line.file))
        problems.push(`${node}: ${line.file} at ${line.position}: ${line.problem}`);
    }
    if (problems.length > 0) found.push(violation('G3', `the disk of ${node} has ${problems.length} faults`, problems));
    for (const drain of drains) found.push(...compare(node, files, drain, dataDirectory));
  }
  return found;
}

/** A node that has the partition has what was read, and nothing else from there on. */
function compare(node: string, files: FileSystem, drain: Drain, dataDirectory: string): Violation[] {
  const directory = `${dataDirectory}/${partitionLabel(drain)}`;
  if (files.stat(directory) === undefined) return [];
  const log = scanLog(files, directory);
  const evidence = drain.records
    .filter(({ offset, value }) => log.records.get(offset)?.value !== value)
    .map(({ offset, value }) => {
      return `offset ${offset}: ${value} was read, ${log.records.get(offset)?.value ?? 'nothing'} is on the disk`;
    });
  if (log.endOffset !== drain.endOffset) evidence.push(`it ends at ${log.endOffset}, readers saw ${drain.endOffset}`);
  if (evidence.length === 0) return [];
  return [violation('A16', `${directory} on ${node} is not what was read`, evidence)];
}
