/** The tree of commands. Each command file adds its own branch and loads what it needs when it runs. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addClusterCommands } from './commands/cluster.js';
import { addCompletionCommand } from './commands/completion.js';
import { addConfigCommands } from './commands/config.js';
import { addConsumeCommand } from './commands/consume.js';
import { addGroupCommands } from './commands/group.js';
import { addLeaderCommands } from './commands/leader.js';
import { addLogCommands } from './commands/log.js';
import { addPerfCommands } from './commands/perf.js';
import { addProduceCommand } from './commands/produce.js';
import { addReassignCommand } from './commands/reassign.js';
import { addServerCommand } from './commands/server.js';
import { addTopicCommands } from './commands/topic.js';
import { addTransactionCommands } from './commands/transaction.js';

/** What a command gets from the process around it. */
export interface CommandContext {
  /** Of this program. */
  readonly version: string;
  /** Aborted when the user asks the program to stop. */
  readonly signal: AbortSignal;
}

export function createProgram(process: Omit<CommandContext, 'version'>): Command {
  const context: CommandContext = { ...process, version: version() };
  const program = new Command('millrace')
    .description('A durable log and queues for TypeScript teams')
    .version(context.version)
    .enablePositionalOptions()
    .showHelpAfterError('(run with --help to see what is possible)');
  addServerCommand(program, context);
  addTopicCommands(program, context);
  addProduceCommand(program, context);
  addConsumeCommand(program, context);
  addClusterCommands(program, context);
  addGroupCommands(program, context);
  addTransactionCommands(program, context);
  addLeaderCommands(program, context);
  addReassignCommand(program, context);
  addLogCommands(program, context);
  addPerfCommands(program, context);
  addConfigCommands(program);
  addCompletionCommand(program);
  for (const command of everyCommand(program)) command.exitOverride();
  return program;
}

function* everyCommand(command: Command): Generator<Command> {
  yield command;
  for (const child of command.commands) yield* everyCommand(child);
}

function version(): string {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  return manifest.version;
}
