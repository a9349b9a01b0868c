/** `millrace cluster voters`, `add-voter`, `remove-voter`, `unregister`: who makes up the cluster. */
import type { Admin, Voter } from '@millrace/admin';
import type { Command } from 'commander';
import { openAdmin } from '../connect.js';
import { type CommonOptions, integer, UsageError, withCommonOptions } from '../options.js';
import { printJson, printLine, printTable } from '../output/print.js';

interface VoterOptions extends CommonOptions {
  readonly directory?: string;
}

const nodeIdMax = 2 ** 31 - 1;

export function addQuorumCommands(cluster: Command, signal: AbortSignal): void {
  withCommonOptions(cluster.command('voters').description('who votes on the metadata, and how far each is')).action(
    async (options: CommonOptions) => {
      await using admin = await openAdmin(options);
      const quorum = await admin.describeQuorum({ signal });
      if (options.json) {
        printJson(quorum);
        return;
      }
      const { leaderId, leaderEpoch, highWatermark, voters, observers } = quorum;
      printLine(`leader ${leaderId}, term ${leaderEpoch}, committed ${highWatermark}\n`);
      const rows = [
        ...voters.map((one) => ({ ...one, part: one.nodeId === leaderId ? 'leader' : 'voter' })),
        ...observers.map((one) => ({ ...one, part: 'observer' })),
      ];
      printTable(
        ['NODE', 'PART', 'DIRECTORY', 'LOG END', 'LAG'],
        rows.map((row) => [row.nodeId, row.part, row.directoryId, row.logEndOffset, row.lag].map(String)),
      );
    },
  );
  withCommonOptions(cluster.command('add-voter <node>').description('let a node that follows the metadata vote on it'))
    .option('--directory <id>', 'id of its data directory, where two of its replicas follow')
    .action(async (node: string, options: VoterOptions) => {
      await using admin = await openAdmin(options);
      const voter = await replicaOf(admin, { node, options, part: 'observers', signal });
      await admin.addVoter(voter, { signal });
      printDone(options, { ...voter, votes: true }, `Node ${voter.nodeId} votes`);
    });
  withCommonOptions(
    cluster
      .command('remove-voter <node>')
      .description('take the vote from a node that is stopped, or has lost its disk'),
  )
    .option('--directory <id>', 'id of the data directory that it voted with')
    .action(async (node: string, options: VoterOptions) => {
      await using admin = await openAdmin(options);
      const voter = await replicaOf(admin, { node, options, part: 'voters', signal });
      await admin.removeVoter(voter, { signal });
      printDone(options, { ...voter, votes: false }, `Node ${voter.nodeId} votes no more`);
    });
  withCommonOptions(
    cluster.command('unregister <node>').description('forget a node that is gone for good and holds no replica'),
  ).action(async (node: string, options: CommonOptions) => {
    await using admin = await openAdmin(options);
    const nodeId = nodeIdOf(node);
    await admin.unregisterBroker(nodeId, { signal });
    printDone(options, { nodeId, registered: false }, `Node ${nodeId} is forgotten`);
  });
}

interface Sought {
  readonly node: string;
  readonly options: VoterOptions;
  readonly part: 'voters' | 'observers';
  readonly signal: AbortSignal;
}

/** The one replica of the node in that part; which one, has to be said when there are two. */
async function replicaOf(admin: Admin, { node, options, part, signal }: Sought): Promise<Voter> {
  const nodeId = nodeIdOf(node);
  if (options.directory !== undefined) return { nodeId, directoryId: options.directory };
  const replicas = (await admin.describeQuorum({ signal }))[part].filter((one) => one.nodeId === nodeId);
  const [found] = replicas;
  if (found === undefined) throw new UsageError(`node ${nodeId} is not among the ${part}: see millrace cluster voters`);
  if (replicas.length > 1) throw new UsageError(`node ${nodeId} has several directories: name one with --directory`);
  return { nodeId, directoryId: found.directoryId };
}

function nodeIdOf(text: string): number {
  return integer(0, nodeIdMax)(text);
}

function printDone({ json }: CommonOptions, document: object, line: string): void {
  if (json) printJson(document);
  else printLine(line);
}
