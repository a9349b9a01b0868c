import type { Command } from 'commander';
import { openAdmin } from '../connect.js';
import type { CommandContext } from '../program.js';
import { type CommonOptions, withCommonOptions } from '../options.js';
import { printJson, printLine, printTable } from '../output/print.js';

export function addClusterCommands(program: Command, { signal }: CommandContext): void {
  const cluster = program.command('cluster').description('look at a cluster');
  withCommonOptions(cluster.command('describe').description('nodes, roles and state')).action(
    async (options: CommonOptions) => {
      await using admin = openAdmin(options);
      const description = await admin.describeCluster({ signal });
      if (options.json) {
        printJson(description);
        return;
      }
      printLine(
        `cluster ${description.clusterId}, controller ${description.controllerId}, metadata offset ${description.metadataOffset}\n`,
      );
      printTable(
        ['NODE', 'ROLES', 'STATE', 'CLIENT', 'RACK', 'HOST'],
        description.nodes.map((node) => [
          String(node.nodeId),
          node.roles.join(','),
          node.state,
          node.client,
          node.rack ?? '-',
          node.host ?? '-',
        ]),
      );
    },
  );
}
