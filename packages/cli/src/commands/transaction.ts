/** `millrace transaction`: what is open, since when and where, and ending what its producer does not end. */
import type { PartitionProducer, TransactionDescription } from '@millrace/admin';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { openAdmin } from '../connect.js';
import { type CommonOptions, topicOrPartition, UsageError, withCommonOptions } from '../options.js';
import { printJson, printLine, printTable } from '../output/print.js';
import type { CommandContext } from '../program.js';

const states = ['empty', 'ongoing', 'prepare-commit', 'prepare-abort', 'complete-commit', 'complete-abort'] as const;

interface ListOptions extends CommonOptions {
  readonly state?: (typeof states)[number];
  readonly openForMs?: number;
}

interface AbortOptions extends CommonOptions {
  readonly yes: boolean;
}

interface ProducersOptions extends CommonOptions {
  readonly open: boolean;
}

export function addTransactionCommands(program: Command, { signal }: CommandContext): void {
  const transaction = program.command('transaction').description('list, describe and abort transactions');

  withCommonOptions(transaction.command('list').description('list transactional ids'))
    .addOption(new Option('--state <state>', 'only those in this state').choices(states))
    .option('--open-for-ms <ms>', 'only those open for at least so long', milliseconds)
    .action(async ({ state, openForMs, ...options }: ListOptions) => {
      await using admin = await openAdmin(options);
      const filter = {
        ...(state === undefined ? {} : { states: [state] }),
        ...(openForMs === undefined ? {} : { openForMs }),
      };
      const listed = await admin.listTransactions(filter, { signal });
      if (options.json) printJson(listed);
      else if (listed.length === 0) printLine('No transactions.');
      else
        printTable(
          ['TRANSACTIONAL ID', 'PRODUCER', 'STATE'],
          listed.map((one) => [one.transactionalId, one.producerId, one.state]),
        );
    });

  withCommonOptions(
    transaction.command('describe <transactional-id>').description('state, producer, and the partitions it wrote to'),
  ).action(async (transactionalId: string, options: CommonOptions) => {
    await using admin = await openAdmin(options);
    const description = await admin.describeTransaction(transactionalId, { signal });
    if (options.json) printJson(description);
    else printDescription(description);
  });

  withCommonOptions(
    transaction.command('abort <transactional-id>').description('abort an open transaction, and fence its producer'),
  )
    .option('--yes', 'do it: what was written in it is never read as committed', false)
    .action(async (transactionalId: string, { yes, ...options }: AbortOptions) => {
      if (!yes) throw new UsageError(`abort ends the transaction of ${transactionalId}; run it with --yes to do it`);
      await using admin = await openAdmin(options);
      await admin.abortTransaction(transactionalId, { signal });
      if (options.json) printJson({ transactionalId, aborted: true });
      else printLine(`Aborted the transaction of ${transactionalId}`);
    });

  withCommonOptions(
    transaction
      .command('producers <topic[:partition]>')
      .description('who writes to partitions, and where transactions are open'),
  )
    .option('--open', 'only those with an open transaction', false)
    .action(async (text: string, { open, ...options }: ProducersOptions) => {
      const where = topicOrPartition(text);
      await using admin = await openAdmin(options);
      const found = await admin.describeProducers([where], { signal });
      const producers = open ? found.filter(({ transactionStartOffset }) => transactionStartOffset !== null) : found;
      if (options.json) printJson(producers);
      else if (producers.length === 0) printLine('No producers.');
      else
        printTable(
          ['PARTITION', 'PRODUCER', 'EPOCH', 'LAST SEQUENCE', 'LAST WRITE', 'OPEN FROM'],
          producers.map(producerRow),
        );
    });
}

function milliseconds(text: string): number {
  if (/^\d{1,12}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a number of milliseconds.');
}

function printDescription(description: TransactionDescription): void {
  const { transactionalId, state, producerId, producerEpoch, timeoutMs, startedMs, partitions } = description;
  const since = startedMs === null ? '' : `, open since ${new Date(startedMs).toISOString()}`;
  printLine(`${transactionalId}: ${state}${since}`);
  printLine(`producer ${producerId}, epoch ${producerEpoch}, timeout ${timeoutMs} ms`);
  if (partitions.length === 0) return;
  printLine('');
  printTable(
    ['PARTITION'],
    partitions.map(({ topic, partition }) => [`${topic}-${partition}`]),
  );
}

function producerRow(producer: PartitionProducer): (string | number)[] {
  const { topic, partition, producerId, producerEpoch, lastSequence, lastWriteMs, transactionStartOffset } = producer;
  return [
    `${topic}-${partition}`,
    producerId,
    producerEpoch,
    lastSequence < 0 ? '-' : lastSequence,
    new Date(lastWriteMs).toISOString(),
    transactionStartOffset ?? '-',
  ];
}
