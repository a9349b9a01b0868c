/** What the tests of a data directory share: an environment over a simulated disk, and batches to append. */
import { noMetrics, type Random } from '@millrace/base';
import { encodeBatch, recordsOf } from '@millrace/record';
import {
  ManualClock,
  recordingLogger,
  seededRandom,
  type RecordingLogger,
  type SimulatedDisk,
} from '@millrace/testkit';
import {
  LogDirectory,
  type LogDirectoryEnvironment,
  type LogDirectoryOptions,
} from '../../src/directory/log-directory.js';
import type { HostedLog } from '../../src/directory/hosted-log.js';
import { defaultLogConfig } from '../../src/log-config.js';
import type { PartitionLog } from '../../src/log/partition-log.js';

export const path = '/data/node-1';
export const topicId = 'AAAAAAAAAAAAAAAAAAAAAA';
export const otherTopicId = 'BBBBBBBBBBBBBBBBBBBBBB';

/** Stands still, but gives other work its turn. */
export class TurningClock extends ManualClock {
  override nextTurn(callback: () => void): void {
    setImmediate(callback);
  }
}

export interface Bench extends LogDirectoryEnvironment {
  readonly clock: TurningClock;
  readonly logger: RecordingLogger;
  readonly random: Random;
}

export function benchOn(disk: SimulatedDisk, clock = new TurningClock()): Bench {
  return { clock, files: disk.files(), logger: recordingLogger(), metrics: noMetrics, random: seededRandom('bench') };
}

export function openOn(disk: SimulatedDisk, options: Partial<LogDirectoryOptions> = {}): Promise<LogDirectory> {
  return LogDirectory.open(benchOn(disk), { path, nodeId: 1, ...options });
}

export function create(directory: LogDirectory, topic: string, partition = 0, config = {}): Promise<PartitionLog> {
  return directory.createLog({ topic, partition, topicId, config: { ...defaultLogConfig, ...config } });
}

export function append(log: PartitionLog, value: string, key: string | null = null): void {
  log.append(encodeBatch([{ key, value, timestampMs: 1_767_225_600_000 }]), { origin: 'client', leaderEpoch: 0 });
}

export async function values(log: PartitionLog): Promise<string[]> {
  const found: string[] = [];
  let offset = log.startOffset;
  while (offset < log.endOffset) {
    const { bytes } = await log.read(offset, 1_000_000, log.endOffset);
    for (const record of recordsOf(bytes, { maxDecompressedBytes: 1_000_000 })) {
      if (record.offset >= offset) found.push(Buffer.from(record.value ?? '').toString());
      offset = record.offset + 1;
    }
    if (bytes.length === 0) break;
  }
  return found;
}

export const allCommitted = (hosted: HostedLog): number => hosted.log.syncedEndOffset;
