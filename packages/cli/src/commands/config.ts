import type { Command } from 'commander';
import { printJson, printLine } from '../output/print.js';

export function addConfigCommands(program: Command): void {
  program
    .command('config')
    .description('about settings')
    .command('reference')
    .description('every setting of nodes and topics: what it does, its default, what it accepts')
    .option('--json', 'print JSON for programs', false)
    .action(async ({ json }: { readonly json: boolean }) => {
      const [{ describeSettings }, { nodeSettingTable }] = await Promise.all([
        import('@millrace/base'),
        import('@millrace/server'),
      ]);
      const settings = describeSettings(nodeSettingTable);
      if (json) printJson(settings);
      else
        for (const { key, scope, default: defaultText, allowed, environmentName, text } of settings)
          printLine(
            `${key} (${scope})\n  ${text}\n  default ${defaultText || 'empty'}; accepts ${allowed}; ${environmentName}\n`,
          );
    });
}
