/** `millrace leader elect`: puts a leader in office, the preferred one or, at a price, any that lives. */
import type { ElectedLeader, ElectionType } from '@millrace/admin';
import type { Command } from 'commander';
import { openAdmin } from '../connect.js';
import { type CommonOptions, topicOrPartition, UsageError, withCommonOptions } from '../options.js';
import { printJson, printLine, printTable } from '../output/print.js';
import type { CommandContext } from '../program.js';

interface ElectOptions extends CommonOptions {
  readonly preferred: boolean;
  readonly unclean: boolean;
  readonly yes: boolean;
}

export function addLeaderCommands(program: Command, { signal }: CommandContext): void {
  const leader = program.command('leader').description('choose who leads partitions');
  withCommonOptions(leader.command('elect <topic[:partition]>').description('elect leaders of a topic or a partition'))
    .option('--preferred', 'the first of the replicas, when it is in sync', false)
    .option('--unclean', 'any replica that is alive: records that only the others have are lost', false)
    .option('--yes', 'with --unclean: do it, records may be lost', false)
    .action(async (target: string, options: ElectOptions) => {
      const { topic, partition } = topicOrPartition(target);
      const electionType = electionTypeOf(options);
      await using admin = await openAdmin(options);
      const partitions =
        partition === undefined
          ? (await admin.describeTopic(topic, { signal })).partitions.map((one) => ({
              topic,
              partition: one.partition,
            }))
          : [{ topic, partition }];
      const results = await admin.electLeaders(electionType, partitions, { signal });
      if (options.json) printJson(results);
      else printResults(results, electionType);
      if (results.some(isFailure)) process.exitCode = 1;
    });
}

function electionTypeOf({ preferred, unclean, yes }: ElectOptions): ElectionType {
  if (preferred === unclean) throw new UsageError('leader elect needs either --preferred or --unclean');
  if (unclean && !yes) throw new UsageError('leader elect --unclean may lose records; run it again with --yes');
  return preferred ? 'preferred' : 'unclean';
}

/** That the right node leads already is as good as an election. */
function isFailure({ error }: ElectedLeader): boolean {
  return error !== null && error !== 'ELECTION_NOT_NEEDED';
}

function printResults(results: readonly ElectedLeader[], electionType: ElectionType): void {
  if (results.length === 0) {
    printLine('Nothing to elect');
    return;
  }
  const success =
    electionType === 'preferred'
      ? 'elected'
      : 'elected; acknowledged records that only the other replicas have are lost';
  printTable(
    ['PARTITION', 'LEADER', 'RESULT'],
    results.map(({ topic, partition, leader, error, message }) => [
      `${topic}-${partition}`,
      leader === -1 ? '-' : String(leader),
      error === null ? success : `${error}: ${message ?? ''}`,
    ]),
  );
}
