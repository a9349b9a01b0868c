import type { TopicDescription } from '@millrace/admin';
import { type Command, Option } from 'commander';
import { openAdmin } from '../connect.js';
import type { CommandContext } from '../program.js';
import { collect, type CommonOptions, integer, keyValue, UsageError, withCommonOptions } from '../options.js';
import { formatBytes, printJson, printLine, printTable } from '../output/print.js';

const partitionsMax = 100_000;

interface CreateOptions extends CommonOptions {
  readonly partitions: number;
  readonly replicationFactor?: number;
  readonly config?: Record<string, string>;
}

interface AlterOptions extends CommonOptions {
  readonly partitions?: number;
  readonly config?: Record<string, string>;
  readonly deleteConfig?: string[];
}

export function addTopicCommands(program: Command, { signal }: CommandContext): void {
  const topic = program.command('topic').description('create, list, describe, alter and delete topics');

  withCommonOptions(topic.command('create <name>').description('create a topic'))
    .option('--partitions <n>', 'how many partitions', integer(1, partitionsMax), 1)
    .option(
      '--replication-factor <n>',
      'copies of each partition (default: 3, or all nodes of a smaller cluster)',
      integer(1, 100),
    )
    .option('--config <key=value>', 'a topic setting; repeatable', keyValue)
    .action(async (name: string, options: CreateOptions) => {
      await using admin = await openAdmin(options);
      const newTopic = {
        name,
        partitions: options.partitions,
        configs: options.config ?? {},
        ...(options.replicationFactor === undefined ? {} : { replicationFactor: options.replicationFactor }),
      };
      const created = await admin.createTopic(newTopic, { signal });
      if (options.json) printJson(created);
      else
        printLine(
          `Created topic ${created.name}: ${created.partitions} partition(s), replication factor ${created.replicationFactor}`,
        );
    });

  withCommonOptions(topic.command('list').description('list topics'))
    .option('--internal', 'also those that Millrace keeps for itself', false)
    .action(async (options: CommonOptions & { readonly internal: boolean }) => {
      await using admin = await openAdmin(options);
      const topics = await admin.listTopics({ internal: options.internal, signal });
      if (options.json) printJson(topics);
      else if (topics.length === 0) printLine('No topics yet. Create one with: millrace topic create NAME');
      else
        printTable(
          ['NAME', 'PARTITIONS', 'REPLICATION', 'ID'],
          topics.map(({ name, partitions, replicationFactor, topicId }) => [
            name,
            partitions,
            replicationFactor,
            topicId,
          ]),
        );
    });

  withCommonOptions(topic.command('describe <name>').description('settings and partitions of a topic')).action(
    async (name: string, options: CommonOptions) => {
      await using admin = await openAdmin(options);
      printDescription(await admin.describeTopic(name, { signal }), options.json);
    },
  );

  withCommonOptions(topic.command('alter <name>').description('add partitions, change settings'))
    .option('--partitions <n>', 'grow to this many partitions', integer(1, partitionsMax))
    .option('--config <key=value>', 'set a topic setting; repeatable', keyValue)
    .option('--delete-config <key>', 'go back to the default; repeatable', collect)
    .action(async (name: string, options: AlterOptions) => {
      const { config, deleteConfig, partitions } = options;
      if (partitions === undefined && config === undefined && deleteConfig === undefined)
        throw new UsageError('topic alter needs --partitions, --config or --delete-config');
      await using admin = await openAdmin(options);
      if (config !== undefined || deleteConfig !== undefined)
        await admin.alterConfigs(name, { set: config ?? {}, delete: deleteConfig ?? [] }, { signal });
      if (partitions !== undefined) await admin.createPartitions(name, partitions, { signal });
      printDescription(await admin.describeTopic(name, { signal }), options.json);
    });

  withCommonOptions(topic.command('delete <name>').description('delete a topic and all its records'))
    .addOption(new Option('--yes', 'do it: what is deleted cannot be brought back').default(false))
    .action(async (name: string, options: CommonOptions & { readonly yes: boolean }) => {
      if (!options.yes) throw new UsageError(`topic delete removes every record of ${name}; run it again with --yes`);
      await using admin = await openAdmin(options);
      await admin.deleteTopic(name, { signal });
      if (options.json) printJson({ name, deleted: true });
      else printLine(`Deleted topic ${name}`);
    });
}

function printDescription(topic: TopicDescription, json: boolean): void {
  if (json) {
    printJson(topic);
    return;
  }
  printLine(`${topic.name} (${topic.topicId})\n`);
  printTable(
    ['PARTITION', 'LEADER', 'EPOCH', 'REPLICAS', 'ISR', 'ELR', 'START', 'END', 'SIZE'],
    topic.partitions.map((partition) => [
      partition.partition,
      partition.leader,
      partition.leaderEpoch,
      partition.replicas.join(','),
      partition.isr.join(','),
      partition.elr.join(',') || '-',
      partition.logStartOffset,
      partition.highWatermark,
      formatBytes(partition.sizeBytes),
    ]),
  );
  printLine('');
  printTable(
    ['SETTING', 'VALUE', 'SOURCE'],
    Object.entries(topic.configs).map(([key, { value, source }]) => [key, value, source]),
  );
}
