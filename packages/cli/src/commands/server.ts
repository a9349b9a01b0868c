/** `millrace server`: one node until SIGINT or SIGTERM. Its only line on standard output says that it serves. */
import { nodeEnvironment } from '@millrace/base/node';
import type { Command } from 'commander';
import { collect, integer, oneOf } from '../options.js';
import { printJson } from '../output/print.js';
import type { CommandContext } from '../program.js';

interface ServerOptions {
  readonly config?: string;
  readonly data?: string;
  readonly nodeId?: number;
  readonly roles?: string;
  readonly client?: string;
  readonly internal?: string;
  readonly http?: string;
  readonly voters?: string;
  readonly rack?: string;
  readonly hostLabel?: string;
  readonly set?: string[];
  readonly logLevel?: string;
  readonly logFormat?: string;
}

const defaultConfigFile = 'millrace.yaml';

export function addServerCommand(program: Command, context: CommandContext): void {
  program
    .command('server')
    .description('run a node until Ctrl-C or SIGTERM')
    .option('--config <file>', `settings in YAML (default ${defaultConfigFile}, when there is one)`)
    .option('--data <dir>', 'data directory (default ./data)')
    .option('--node-id <n>', 'id of this node in its cluster (default 1)', integer(0, 2 ** 31 - 1))
    .option('--roles <roles>', 'controller, broker or both (default controller,broker)')
    .option('--client <host:port>', 'address for clients (default 127.0.0.1:7400; port 0 picks a free one)')
    .option('--internal <host:port>', 'address for other nodes (default 127.0.0.1:7401)')
    .option('--http <host:port>', 'address for health and metrics (default 127.0.0.1:7480)')
    .option('--voters <id@host:port,...>', 'controller quorum (default: this node alone)')
    .option('--rack <rack>', 'rack of this node, for placing replicas')
    .option('--host-label <host>', 'host of this node, for placing replicas')
    .option('--set <key=value>', 'any setting; repeatable', collect)
    .option(
      '--log-level <level>',
      'debug, info, warn, error or silent',
      oneOf('debug', 'info', 'warn', 'error', 'silent'),
    )
    .option('--log-format <format>', 'pretty or json (default: pretty on a terminal)', oneOf('pretty', 'json'))
    .option('--json', 'accepted for symmetry: the ready line is always JSON')
    .action(async (options: ServerOptions) => {
      await serve(options, context.signal);
    });
}

async function serve(options: ServerOptions, stopped: AbortSignal): Promise<void> {
  // Loaded here: the other commands do not need a server.
  const { loadNodeConfig, serveNode, serverLogger } = await import('@millrace/server');
  const config = await loadNodeConfig({
    files: nodeEnvironment().files,
    file: { path: options.config ?? defaultConfigFile, mustExist: options.config !== undefined },
    variables: process.env,
    assignments: options.set ?? [],
    overrides: settingsOfFlags(options),
    overridesPlace: 'command line',
  });
  const logger = await serverLogger({
    level: config.logLevel,
    format: options.logFormat === undefined && process.stderr.isTTY ? 'pretty' : config.logFormat,
    colorize: process.stderr.isTTY,
  });
  await using server = await serveNode(config, { logger, signal: stopped });
  printJson({
    event: 'ready',
    nodeId: server.nodeId,
    clusterId: server.clusterId,
    client: server.addresses.client ?? null,
    internal: server.addresses.internal ?? null,
    http: server.addresses.http ?? null,
    pid: process.pid,
  });
  const failure = await Promise.race([server.failed, untilAborted(stopped)]);
  logger.info('stopping');
  if (failure !== undefined) throw failure as Error;
}

/** Flags are settings under a shorter name. */
function settingsOfFlags(options: ServerOptions): Record<string, string> {
  const flags: Readonly<Record<string, string | number | undefined>> = {
    'data.dir': options.data,
    'node.id': options.nodeId,
    'process.roles': options.roles,
    'listener.client': options.client,
    'listener.internal': options.internal,
    'listener.http': options.http,
    'controller.quorum.voters': options.voters,
    'broker.rack': options.rack,
    'host.label': options.hostLabel,
    'log.level': options.logLevel,
    'log.format': options.logFormat,
  };
  return Object.fromEntries(
    Object.entries(flags).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]])),
  );
}

function untilAborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
