/** Options that all loads share. */
import { type Command, Option } from 'commander';
import { type CommonOptions, integer, keyValue, oneOf, withCommonOptions } from '../options.js';
import type { PayloadKind } from './payload.js';

export interface LoadOptions extends CommonOptions {
  readonly topic?: string;
  readonly partitions: number;
  readonly config?: Record<string, string>;
  readonly records: number;
  readonly recordBytes: number;
  readonly rate: number;
  readonly producers: number;
  readonly acks: 'all' | '1' | '0';
  readonly compression: 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';
  readonly batchBytes?: number;
  readonly lingerMs: number;
  readonly payload: PayloadKind;
  readonly warmupRecords: number;
  readonly report?: string;
}

export function withLoadOptions(
  command: Command,
  defaults: { readonly records: number; readonly rate: number },
): Command {
  return withCommonOptions(command)
    .option('--topic <name>', 'topic to use; created when absent (default: a new one, deleted afterwards)')
    .option('--partitions <n>', 'partitions of a topic that the load creates', integer(1, 100_000), 1)
    .option('--config <key=value>', 'setting of a topic that the load creates; repeatable', keyValue)
    .option('--records <n>', 'how many records', integer(1), defaults.records)
    .option('--record-bytes <n>', 'size of a value', integer(1, 8 * 1024 * 1024), 100)
    .option(
      '--rate <n>',
      'records a second on a fixed schedule; 0: as fast as they are acknowledged',
      integer(0, 100_000_000),
      defaults.rate,
    )
    .option('--producers <n>', 'producers, each with its own connections', integer(1, 256), 1)
    .option('--acks <acks>', 'all, 1 or 0', oneOf('all', '1', '0'), 'all')
    .option(
      '--compression <codec>',
      'none, gzip, snappy, lz4 or zstd',
      oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'),
      'none',
    )
    .option('--batch-bytes <n>', 'largest batch', integer(1, 16 * 1024 * 1024))
    .option('--linger-ms <n>', 'wait this long for more records per batch', integer(0, 60_000), 0)
    .option('--warmup-records <n>', 'records before the measurement starts', integer(0), 0)
    .option('--report <file>', 'write settings, machine and figures as JSON')
    .addOption(
      new Option('--payload <kind>', 'random, json, or a file whose lines are the values')
        .argParser(payloadKind)
        .default('random'),
    );
}

function payloadKind(text: string): PayloadKind {
  return text === 'random' || text === 'json' ? text : { file: text };
}
