/** The flags of `millrace perf`, and what they say as loads. */
import { type Command, Option } from 'commander';
import { collect, type CommonOptions, integer, keyValue, oneOf, UsageError, withCommonOptions } from '../options.js';
import type { PayloadKind } from './payload.js';

export interface PerfOptions extends CommonOptions {
  readonly topic?: string;
  readonly report?: string;
  readonly watchPid?: readonly string[];
}

export interface WriteOptions extends PerfOptions {
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly config?: Record<string, string>;
  readonly records: number;
  readonly recordBytes: number;
  readonly rate: number;
  readonly acks: 'all' | '1' | '0';
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly batchBytes?: number;
  readonly lingerMs: number;
  readonly payload: PayloadKind;
  readonly warmupRecords: number;
}

export interface ProduceOptions extends WriteOptions {
  readonly producers: number;
  readonly seconds?: number;
  readonly keys: number;
  readonly skew: number;
  readonly transactionRecords: number;
}

export interface ConsumeOptions extends PerfOptions {
  readonly records: number;
  readonly warmupRecords: number;
  readonly consumers: number;
  readonly group?: string;
  readonly from: 'beginning' | 'end';
  readonly pauseMsPerBatch: number;
  readonly isolation: 'read-committed' | 'read-uncommitted';
}

export function withPerfOptions(command: Command): Command {
  return withCommonOptions(command)
    .option('--report <file>', 'write machine, settings, durability and figures as JSON')
    .option('--watch-pid <pid>', 'also measure this process of this machine, such as a node; repeatable', collect);
}

export function withWriteOptions(
  command: Command,
  defaults: { readonly records: number; readonly rate: number },
): Command {
  return withPerfOptions(command)
    .option('--topic <name>', 'topic to use; created when absent (default: a new one, deleted afterwards)')
    .option('--partitions <n>', 'partitions of a topic that the load creates', integer(1, 100_000), 1)
    .option('--replication-factor <n>', 'replicas of a topic that the load creates', integer(1, 100))
    .option('--config <key=value>', 'setting of a topic that the load creates; repeatable', keyValue)
    .option('--records <n>', 'how many records', integer(1), defaults.records)
    .option('--record-bytes <n>', 'size of a value', integer(1, 8 * 1024 * 1024), 100)
    .option(
      '--rate <n>',
      'records a second on a fixed schedule; 0: as fast as they are acknowledged',
      integer(0, 100_000_000),
      defaults.rate,
    )
    .option('--acks <acks>', 'all, 1 or 0', oneOf('all', '1', '0'), 'all')
    .option(
      '--compression <codec>',
      'none, gzip, snappy, lz4 or zstd',
      oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'),
      'none',
    )
    .option('--batch-bytes <n>', 'largest batch', integer(256, 16 * 1024 * 1024))
    .option('--linger-ms <n>', 'wait this long for more records per batch', integer(0, 60_000), 0)
    .option('--warmup-records <n>', 'records before the measurement starts', integer(0), 0)
    .addOption(
      new Option('--payload <kind>', 'random, json, or a file whose lines are the values')
        .argParser(payloadKind)
        .default('random'),
    );
}

export function withProduceOptions(command: Command): Command {
  return withWriteOptions(command, { records: 1_000_000, rate: 0 })
    .option('--producers <n>', 'producers, each a process of its own when there are several', integer(1, 256), 1)
    .option('--seconds <n>', 'end after this time, if --records are not written before', integer(1, 86_400))
    .option('--keys <n>', 'how many different keys; 0: none', integer(0, 1_000_000), 0)
    .option('--skew <s>', 'exponent of Zipf’s law for the keys; 0: all alike', decimal(0, 10), 0)
    .option('--transaction-records <n>', 'records of a transaction; 0: no transactions', integer(0, 1_000_000), 0);
}

export function withConsumeOptions(command: Command): Command {
  return withPerfOptions(command)
    .requiredOption('--topic <name>', 'topic to read')
    .option('--records <n>', 'how many records, for each reader or for the group', integer(1), 1_000_000)
    .option('--consumers <n>', 'readers, each a process of its own when there are several', integer(1, 256), 1)
    .option('--group <name>', 'readers share the partitions as a group; without, each reads everything')
    .option('--from <position>', 'beginning or end', oneOf('beginning', 'end'), 'beginning')
    .option(
      '--isolation <level>',
      'read-committed or read-uncommitted',
      oneOf('read-committed', 'read-uncommitted'),
      'read-committed',
    )
    .option('--pause-ms-per-batch <n>', 'wait after each batch, as a slow reader does', integer(0, 60_000), 0)
    .option('--warmup-records <n>', 'records before the measurement starts', integer(0), 0);
}

function payloadKind(text: string): PayloadKind {
  return text === 'random' || text === 'json' ? text : { file: text };
}

function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= min && value <= max))
      throw new UsageError(`expected a number from ${min} to ${max}, not ${JSON.stringify(text)}`);
    return value;
  };
}
