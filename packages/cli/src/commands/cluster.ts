import type { Command } from 'commander';
import { openAdmin } from '../connect.js';
import type { CommandContext } from '../program.js';
import { collect, type CommonOptions, integer, oneOf, UsageError, withCommonOptions } from '../options.js';
import { printJson, printLine, printTable } from '../output/print.js';
import { addQuorumCommands } from './quorum.js';

interface StartOptions {
  readonly nodes: number;
  readonly data: string;
  readonly basePort: number;
  readonly set?: string[];
  readonly logLevel: string;
}

const nodesMax = 9;
const portMax = 65_535;

export function addClusterCommands(program: Command, { signal }: CommandContext): void {
  const cluster = program.command('cluster').description('run and look at a cluster');
  withCommonOptions(cluster.command('describe').description('nodes, roles and state')).action(
    async (options: CommonOptions) => {
      await using admin = await openAdmin(options);
      const description = await admin.describeCluster({ signal });
      if (options.json) {
        printJson(description);
        return;
      }
      const controller = description.controllerId === -1 ? 'unknown' : description.controllerId;
      printLine(
        `cluster ${description.clusterId}, controller ${controller}, metadata offset ${description.metadataOffset}\n`,
      );
      printTable(
        ['NODE', 'ROLES', 'STATE', 'CLIENT', 'RACK', 'HOST'],
        description.nodes.map((node) => [
          String(node.nodeId),
          node.roles.join(','),
          node.state,
          node.client ?? '-',
          node.rack ?? '-',
          node.host ?? '-',
        ]),
      );
    },
  );

  addQuorumCommands(cluster, signal);

  cluster
    .command('start')
    .description('run a local cluster of several processes, for development, until Ctrl-C')
    .option('--nodes <n>', 'how many nodes', integer(1, nodesMax), 3)
    .option('--data <dir>', 'directory for the data directories of the nodes', './data')
    .option('--base-port <n>', 'first port; each node has the next ten', integer(1, portMax), 7400)
    .option('--set <key=value>', 'any setting, for all nodes; repeatable', collect)
    .option(
      '--log-level <level>',
      'debug, info, warn, error or silent',
      oneOf('debug', 'info', 'warn', 'error', 'silent'),
      'warn',
    )
    .option('--json', 'accepted for symmetry: events are always JSON')
    .action(async (options: StartOptions) => {
      const { portsPerNode, runLocalCluster } = await import('../cluster/local-cluster.js');
      const lastPort = options.basePort + portsPerNode * (options.nodes - 1) + 2;
      if (lastPort > portMax)
        throw new UsageError(`--base-port ${options.basePort} leaves no ports for ${options.nodes} nodes`);
      const faulty = options.set?.find((setting) => setting.indexOf('=') <= 0);
      if (faulty !== undefined) throw new UsageError(`--set takes key=value, not ${JSON.stringify(faulty)}`);
      process.exitCode = await runLocalCluster({ ...options, settings: options.set ?? [] }, signal);
    });
}
