/** `millrace reassign`: moves replicas to other nodes, as told or so that the nodes hold equal shares. */
import type { Admin, ReassignmentResult } from '@millrace/admin';
import type { Command } from 'commander';
import { balancePlan, type ReplicaMove } from '../cluster/balance-plan.js';
import { type CopyProgress, moveProgress } from '../cluster/move-progress.js';
import { openAdmin } from '../connect.js';
import { type CommonOptions, integer, oneOf, partitionReplicas, UsageError, withCommonOptions } from '../options.js';
import { formatBytes, printJson, printLine, printNote, printTable } from '../output/print.js';
import type { CommandContext } from '../program.js';

interface ReassignOptions extends CommonOptions {
  readonly replicas?: ReadonlyMap<number, readonly number[]>;
  readonly plan?: 'balance';
  readonly dryRun: boolean;
  readonly watch: boolean;
  readonly throttle?: number;
}

const watchIntervalMs = 500;
const rates = ['leader.replication.throttled.rate', 'follower.replication.throttled.rate'];

export function addReassignCommand(program: Command, { signal }: CommandContext): void {
  withCommonOptions(program.command('reassign <topic>').description('move the replicas of a topic to other nodes'))
    .option('--replicas <p=1,2,3>', 'nodes for one partition, preferred leader first; repeatable', partitionReplicas)
    .option('--plan <plan>', 'balance: equal shares, spread over racks, then hosts', oneOf('balance'))
    .option('--dry-run', 'only say what would be moved', false)
    .option(
      '--throttle <bytes>',
      'what each node may send and fetch a second for replicas of the topic that are not in sync; lifted when --watch ends',
      integer(1),
    )
    .option('--watch', 'wait until all is moved, and report how far it is', false)
    .action(async (topic: string, options: ReassignOptions) => {
      if ((options.replicas === undefined) === (options.plan === undefined))
        throw new UsageError('reassign needs either --replicas or --plan');
      await using admin = await openAdmin(options);
      const moves = await movesOf(admin, topic, options, signal);
      if (options.dryRun || moves.length === 0) {
        printPlan(topic, moves, options.json);
        return;
      }
      if (options.throttle !== undefined) await throttle(admin, topic, options.throttle, signal);
      const wanted = moves.map(({ partition, replicas }) => ({ topic, partition, replicas }));
      const results = await admin.reassignPartitions(wanted, { signal });
      printResults(moves, results, options);
      if (results.some(({ error }) => error !== null)) process.exitCode = 1;
      if (!options.watch) return;
      await watch(admin, topic, options, signal);
      if (options.throttle !== undefined) await admin.alterConfigs(topic, { delete: rates }, { signal });
    });
}

/** Before the move begins: what is on its way already cannot be held back. */
async function throttle(admin: Admin, topic: string, bytes: number, signal: AbortSignal): Promise<void> {
  await admin.alterConfigs(topic, { set: Object.fromEntries(rates.map((key) => [key, String(bytes)])) }, { signal });
}

async function movesOf(
  admin: Admin,
  topic: string,
  { replicas, plan }: ReassignOptions,
  signal: AbortSignal,
): Promise<ReplicaMove[]> {
  const { partitions } = await admin.describeTopic(topic, { signal });
  if (plan === 'balance') {
    const { nodes } = await admin.describeCluster({ signal });
    return balancePlan(nodes, partitions);
  }
  return [...(replicas ?? [])].map(([partition, after]) => {
    const before = partitions.find((one) => one.partition === partition)?.replicas;
    if (before === undefined) throw new UsageError(`${topic} has no partition ${partition}`);
    return { partition, before, replicas: after };
  });
}

function printPlan(topic: string, moves: readonly ReplicaMove[], json: boolean): void {
  if (json) {
    printJson(moves.map((move) => ({ topic, ...move })));
    return;
  }
  if (moves.length === 0) printLine('Nothing to move');
  else
    printTable(
      ['PARTITION', 'NOW', 'THEN'],
      moves.map(({ partition, before, replicas }) => [`${topic}-${partition}`, before.join(','), replicas.join(',')]),
    );
}

/** With `--watch --json` the results are the first line of a stream, else the document. */
function printResults(
  moves: readonly ReplicaMove[],
  results: readonly ReassignmentResult[],
  options: ReassignOptions,
): void {
  const byPartition = new Map(moves.map((move) => [move.partition, move]));
  const rows = results.map((result) => ({ ...result, ...byPartition.get(result.partition) }));
  if (options.json) {
    if (options.watch) for (const row of rows) printJson({ event: 'started', ...row });
    else printJson(rows);
    return;
  }
  printTable(
    ['PARTITION', 'NOW', 'THEN', 'RESULT'],
    rows.map(({ topic, partition, before, replicas, error, message }) => [
      `${topic}-${partition}`,
      before?.join(',') ?? '-',
      replicas?.join(',') ?? '-',
      error === null ? 'moving' : `${error}: ${message ?? ''}`,
    ]),
  );
}

async function watch(admin: Admin, topic: string, { json }: CommonOptions, signal: AbortSignal): Promise<void> {
  let shown = '';
  for (;;) {
    const ongoing = await admin.listReassignments({ topic, signal });
    const partitions =
      ongoing.length === 0 ? [] : moveProgress(ongoing, await admin.describeReplicas(topic, { signal }));
    const text = JSON.stringify(partitions);
    if (text !== shown) {
      shown = text;
      if (json) printJson({ event: partitions.length === 0 ? 'done' : 'moving', topic, partitions });
      else if (partitions.length === 0) printLine('All replicas are where they should be');
      else for (const move of partitions) printNote(`${topic}-${move.partition} is moving${copiesText(move.copies)}`);
    }
    if (partitions.length === 0) return;
    await pause(watchIntervalMs, signal);
  }
}

function copiesText(copies: readonly CopyProgress[]): string {
  if (copies.length === 0) return '';
  const texts = copies.map(({ nodeId, copiedBytes, totalBytes }) => {
    const whole = totalBytes === null ? '' : ` of ${formatBytes(totalBytes)}`;
    return `node ${nodeId} has ${formatBytes(copiedBytes)}${whole}`;
  });
  return `: ${texts.join(', ')}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}
