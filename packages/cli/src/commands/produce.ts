/**
 * `millrace produce TOPIC`: standard input, one record a line, in bounded memory.
 *
 * Lines are handed to the producer as they are read; when it says that its memory is full, reading stops until it has
 * room. What was acknowledged is counted by partition; any failure makes the exit code 1.
 */
import { MillraceError } from '@millrace/base';
import type { ProducerOptions, ProducerRecord } from '@millrace/producer';
import type { Command } from 'commander';
import { LineSplitter } from '../output/line-splitter.js';
import { countProgress } from '../output/progress.js';
import { type CommonOptions, integer, oneOf, UsageError, withCommonOptions } from '../options.js';
import type { CommandContext } from '../program.js';
import { ProduceSummary } from './produce-summary.js';
import { PlainTarget, TransactionTarget } from './produce-target.js';
import type * as RecordFromJson from './record-from-json.js';

interface ProduceOptions extends CommonOptions {
  readonly format: 'value' | 'json';
  readonly keyField?: string;
  readonly acks: 'all' | '1' | '0';
  readonly compression: NonNullable<ProducerOptions['compression']>;
  readonly lingerMs: number;
  readonly batchBytes?: number;
  readonly idempotent: boolean;
  readonly transactionalId?: string;
  readonly transactionRecords?: number;
}

const defaultTransactionRecords = 1000;

/** A line longer than this cannot be a record: the default max.message.bytes is far smaller. */
const lineMaxBytes = 16 * 1024 * 1024;

export function addProduceCommand(program: Command, context: CommandContext): void {
  withCommonOptions(
    program.command('produce <topic>').description('write standard input to a topic, one record a line'),
  )
    .option(
      '--format <format>',
      'value: the line is the value; json: {"key","value","headers","partition","timestamp"}',
      oneOf('value', 'json'),
      'value',
    )
    .option('--key-field <field>', 'take the key from this field of each JSON line')
    .option('--acks <acks>', 'all, 1 or 0', oneOf('all', '1', '0'), 'all')
    .option(
      '--compression <codec>',
      'none, gzip, snappy, lz4 or zstd',
      oneOf('none', 'gzip', 'snappy', 'lz4', 'zstd'),
      'none',
    )
    .option('--linger-ms <n>', 'wait this long for more records per batch', integer(0, 60_000), 0)
    .option('--batch-bytes <n>', 'largest batch', integer(256, lineMaxBytes))
    .option('--idempotent', 'each record once, in order, whatever is retried (default)', true)
    .option('--no-idempotent', 'allow duplicates on retry')
    .option('--transactional-id <id>', 'write in transactions; shuts out who used the same id before')
    .option('--transaction-records <n>', `records of one transaction (${defaultTransactionRecords})`, integer(1))
    .action(async (topic: string, options: ProduceOptions) => {
      if (options.keyField !== undefined && options.format === 'json')
        throw new UsageError('--key-field goes with --format value; with --format json the key is in each line');
      if (options.transactionalId !== undefined && (options.acks !== 'all' || !options.idempotent))
        throw new UsageError('--transactional-id needs --acks all, and excludes --no-idempotent.');
      if (options.transactionRecords !== undefined && options.transactionalId === undefined)
        throw new UsageError('--transaction-records needs --transactional-id: whose transactions are they?');
      await produce(topic, options, context.signal);
    });
}

async function produce(topic: string, options: ProduceOptions, signal: AbortSignal): Promise<void> {
  const summary = new ProduceSummary();
  const [{ Producer }, json] = await Promise.all([import('@millrace/producer'), import('./record-from-json.js')]);
  const producer = new Producer({
    bootstrap: options.bootstrap,
    acks: options.acks === 'all' ? 'all' : options.acks === '1' ? 1 : 0,
    compression: options.compression,
    lingerMs: options.lingerMs,
    idempotent: options.idempotent && options.acks === 'all',
    deliveryTimeoutMs: options.timeoutMs,
    ...(options.batchBytes === undefined ? {} : { batchBytes: options.batchBytes }),
    ...(options.transactionalId === undefined ? {} : { transactionalId: options.transactionalId }),
  });
  const target =
    options.transactionalId === undefined
      ? new PlainTarget(producer, summary, signal)
      : new TransactionTarget(producer, options.transactionRecords ?? defaultTransactionRecords, summary, signal);
  const progress = countProgress('records', () => summary.records);
  try {
    const lines = new LineSplitter(lineMaxBytes);
    const send = (line: Buffer): Promise<boolean> => {
      const record = toRecord(json, { topic, line, lineNumber: lines.lineNumber }, options);
      summary.read(line.length);
      return target.send(record);
    };
    if (await sendLines(stdinUntil(signal), lines, send)) {
      const last = lines.end();
      if (last !== undefined && !signal.aborted) await send(last);
    }
    await target.end();
  } finally {
    await producer.close();
    progress.stop();
  }
  summary.print(options.json);
  if (summary.failed > 0)
    throw new MillraceError(
      summary.firstErrorCode,
      `${summary.failed} of ${summary.records} records were not acknowledged; the first error was: ${summary.firstErrorMessage}`,
    );
}

/** Whether all of them were taken. */
async function sendLines(
  chunks: AsyncIterable<Buffer>,
  lines: LineSplitter,
  send: (line: Buffer) => Promise<boolean>,
): Promise<boolean> {
  for await (const chunk of chunks) for (const line of lines.push(chunk)) if (!(await send(line))) return false;
  return true;
}

/** Standard input until it ends or the user stops the command; what was read until then is still sent. */
async function* stdinUntil(signal: AbortSignal): AsyncGenerator<Buffer> {
  const stop = (): void => {
    process.stdin.destroy();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of process.stdin) yield chunk as Buffer;
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function toRecord(
  { keyFromJsonField, recordFromJson }: typeof RecordFromJson,
  { topic, line, lineNumber }: { readonly topic: string; readonly line: Buffer; readonly lineNumber: number },
  options: ProduceOptions,
): ProducerRecord {
  if (options.format === 'json') return { topic, ...recordFromJson(line, lineNumber) };
  if (options.keyField === undefined) return { topic, value: line };
  return { topic, key: keyFromJsonField(line, options.keyField, lineNumber), value: line };
}
