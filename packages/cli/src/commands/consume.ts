/**
 * `millrace consume TOPIC`: records to standard output, until Ctrl-C, `--max-records`, or `--idle-ms` without one.
 *
 * With `--group`, what was written is committed before the group is left, however the command ends.
 *
 * Records of a fetched batch are written together; when the reader of our output is slow, fetching stops.
 */
import type { Consumer, OffsetToCommit } from '@millrace/consumer';
import type { Command } from 'commander';
import { IdleStop } from './idle-stop.js';
import { countProgress } from '../output/progress.js';
import { RecordOutput } from '../output/record-output.js';
import type { CommandContext } from '../program.js';
import {
  type CommonOptions,
  integer,
  oneOf,
  type StartPosition,
  startPosition,
  UsageError,
  withCommonOptions,
} from '../options.js';

interface ConsumeOptions extends CommonOptions {
  readonly group?: string;
  readonly commit: boolean;
  readonly from: StartPosition;
  readonly partition?: number;
  readonly maxRecords?: number;
  readonly idleMs?: number;
  readonly isolation: 'read-committed' | 'read-uncommitted';
  readonly format: 'value' | 'json';
}

export function addConsumeCommand(program: Command, context: CommandContext): void {
  withCommonOptions(program.command('consume <topic>').description('print the records of a topic, one a line'))
    .option('--group <id>', 'share the partitions with the other consumers of this group')
    .option(
      '--from <position>',
      'beginning, end, an offset, or a time in ISO 8601; in a group only where nothing is committed',
      startPosition,
      'end',
    )
    .option('--commit', 'with --group: commit what was printed (on)', true)
    .option('--no-commit', 'with --group: commit nothing')
    .option('--partition <n>', 'read only this partition', integer(0, 2 ** 31 - 1))
    .option('--max-records <n>', 'stop after this many records', integer(1))
    .option('--idle-ms <n>', 'stop after this long without a record', integer(1, 2 ** 31 - 1))
    .option(
      '--isolation <level>',
      'read-committed or read-uncommitted',
      oneOf('read-committed', 'read-uncommitted'),
      'read-committed',
    )
    .option('--format <format>', 'value: the value alone; json: the whole record', oneOf('value', 'json'), 'value')
    .action(async (topic: string, options: ConsumeOptions) => {
      if (options.group !== undefined && options.partition !== undefined) {
        throw new UsageError('--group and --partition exclude each other: the group says who reads which partition.');
      }
      await consume(topic, { ...options, format: options.json ? 'json' : options.format }, context.signal);
    });
}

async function consume(topic: string, options: ConsumeOptions, stopped: AbortSignal): Promise<void> {
  const idle = new IdleStop(options.idleMs, stopped);
  const output = new RecordOutput(options.format, options.maxRecords ?? Infinity);
  const progress = countProgress('records', () => output.records);
  const { Consumer } = await import('@millrace/consumer');
  const consumer = new Consumer({
    bootstrap: options.bootstrap,
    from: options.from,
    isolation: options.isolation,
    requestTimeoutMs: options.timeoutMs,
    ...(options.partition === undefined
      ? { topics: [topic] }
      : { assignments: [{ topic, partition: options.partition }] }),
    ...(options.group === undefined ? {} : { group: options.group, autoCommit: options.commit }),
  });
  const commits = options.group !== undefined && options.commit;
  /** Set while the consumer does not know yet how far the batch in hand was written. */
  let written: OffsetToCommit | undefined;
  try {
    await consumer.ready({ signal: idle.signal });
    idle.start();
    for await (const batch of consumer.batches({ signal: idle.signal })) {
      idle.touch();
      await output.write(batch);
      written = {
        topic: batch.topic,
        partition: batch.partition,
        offset: output.isFull ? output.nextOffset : batch.nextOffset,
      };
      batch.release();
      if (output.isFull) break;
      written = undefined;
    }
  } catch (error) {
    // Being stopped, by the user or by silence, is how this command normally ends.
    if (!idle.signal.aborted) throw error;
  } finally {
    idle.stop();
    progress.stop();
    await leave(consumer, commits ? written : undefined);
  }
}

/** Everything that was written counts as done, also of a batch that was left in its middle. */
async function leave(consumer: Consumer, written: OffsetToCommit | undefined): Promise<void> {
  try {
    if (written !== undefined) await consumer.commit([written]);
  } finally {
    await consumer.close();
  }
}
