/** `millrace group`: consumer groups, how far they are, and why they were rebalanced. */
import type { GroupDescription, GroupOffset, GroupRebalance, ResetPosition } from '@millrace/admin';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { openAdmin } from '../connect.js';
import {
  collect,
  type CommonOptions,
  startPosition,
  topicOrPartition,
  UsageError,
  withCommonOptions,
} from '../options.js';
import { printJson, printLine, printTable } from '../output/print.js';
import type { CommandContext } from '../program.js';

interface ResetOptions extends CommonOptions {
  readonly topic?: string[];
  readonly to: ResetPosition;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

/** Of one rebalance, in a table. */
const shownMoves = 12;
const shownIdLength = 8;
const shiftExpected = 'Expected by:N with a whole number N, such as by:-100.';
/** Rebalances that a table shows; `--json` has all that the coordinator remembers. */
const shownRebalances = 10;

export function addGroupCommands(program: Command, { signal }: CommandContext): void {
  const group = program.command('group').description('list, describe, reset and delete consumer groups');

  withCommonOptions(group.command('list').description('list groups')).action(async (options: CommonOptions) => {
    await using admin = await openAdmin(options);
    const groups = await admin.listGroups({ signal });
    if (options.json) printJson(groups);
    else if (groups.length === 0) printLine('No groups yet. A consumer makes one: millrace consume TOPIC --group NAME');
    else
      printTable(
        ['GROUP', 'STATE', 'MEMBERS'],
        groups.map((one) => [one.group, one.state, one.members]),
      );
  });

  withCommonOptions(
    group.command('describe <group>').description('members, offsets, lag, and why it was rebalanced'),
  ).action(async (name: string, options: CommonOptions) => {
    await using admin = await openAdmin(options);
    const description = await admin.describeGroup(name, { signal });
    if (options.json) printJson(description);
    else printDescription(description);
  });

  withCommonOptions(
    group.command('delete <group>').description('forget a group without members, and its offsets'),
  ).action(async (name: string, options: CommonOptions) => {
    await using admin = await openAdmin(options);
    await admin.deleteGroup(name, { signal });
    if (options.json) printJson({ group: name, deleted: true });
    else printLine(`Deleted group ${name}`);
  });

  withCommonOptions(group.command('reset-offsets <group>').description('move the offsets of a group without members'))
    .option('--topic <topic[:partition]>', 'only these; repeatable (default: all that was committed)', collect)
    .addOption(
      new Option('--to <position>', 'beginning, end, an offset, a time such as 2026-01-31T12:00:00Z, or by:N records')
        .argParser(resetPosition)
        .makeOptionMandatory(),
    )
    .option('--dry-run', 'only show what would change', false)
    .option('--yes', 'do it: what was committed before is forgotten', false)
    .action(async (name: string, options: ResetOptions) => {
      const { to, dryRun, yes } = options;
      if (!yes && !dryRun)
        throw new UsageError(
          `reset-offsets moves group ${name}; run it with --dry-run to see how, with --yes to do it`,
        );
      const topics = options.topic?.map(topicOrPartition);
      await using admin = await openAdmin(options);
      const reset = { to, dryRun, ...(topics === undefined ? {} : { topics }) };
      const resets = await admin.resetGroupOffsets(name, reset, { signal });
      if (options.json) printJson(resets);
      else if (resets.length === 0) printLine(`Group ${name} has no committed offsets; name topics with --topic`);
      else
        printTable(
          ['PARTITION', 'BEFORE', dryRun ? 'WOULD BE' : 'NOW'],
          resets.map(({ topic, partition, before, after }) => [`${topic}-${partition}`, before ?? '-', after]),
        );
    });
}

/** As where to start reading, or so many records forward or back. */
function resetPosition(text: string): ResetPosition {
  const shift = /^by:([+-]?\d+)$/.exec(text);
  if (shift === null) {
    if (text.startsWith('by:')) throw new InvalidArgumentError(shiftExpected);
    return startPosition(text);
  }
  const by = Number(shift[1]);
  if (!Number.isSafeInteger(by)) throw new InvalidArgumentError(shiftExpected);
  return { by };
}

function printDescription(description: GroupDescription): void {
  const { group, state, epoch, assignor, members, offsets, rebalances } = description;
  printLine(`${group}: ${state}, epoch ${epoch}, assignor ${assignor}\n`);
  if (members.length === 0) printLine('No members.');
  else
    printTable(
      ['MEMBER', 'CLIENT', 'HOST', 'EPOCH', 'STATE', 'PARTITIONS'],
      members.map((member) => [
        member.instanceId === null ? member.memberId : `${member.memberId} (${member.instanceId})`,
        member.clientId,
        member.host,
        member.epoch,
        member.state,
        member.assignment.map(({ topic, partitions }) => `${topic}:${partitions.join(',')}`).join(' ') || '-',
      ]),
    );
  if (offsets.length > 0) {
    printLine('');
    printTable(['PARTITION', 'COMMITTED', 'END', 'LAG', 'LAG SECONDS'], offsets.map(offsetRow));
  }
  if (rebalances.length > 0) {
    printLine('');
    printTable(
      ['EPOCH', 'BEGAN', 'TOOK', 'MOVED', 'PARTITIONS', 'WHY'],
      rebalances.slice(-shownRebalances).map(rebalanceRow),
    );
  }
}

function offsetRow({ topic, partition, committed, end, lag, lagSeconds }: GroupOffset): (string | number)[] {
  return [`${topic}-${partition}`, committed ?? '-', end ?? '-', lag ?? '-', lagSeconds ?? '-'];
}

function rebalanceRow(rebalance: GroupRebalance): (string | number)[] {
  const { epoch, startedMs, durationMs, isSuperseded, movedPartitions, detail } = rebalance;
  const took = durationMs === null ? 'not over' : `${durationMs} ms${isSuperseded ? ' (cut short)' : ''}`;
  return [epoch, new Date(startedMs).toISOString(), took, movedPartitions, movesText(rebalance), detail];
}

/** Which partitions each member got: `orders:1,4 to 4d3a98f4`; a member by the beginning of its id, as the table names it. */
function movesText({ moves, movedPartitions }: GroupRebalance): string {
  const byOwner = new Map<string, number[]>();
  for (const { topic, partition, to } of moves.slice(0, shownMoves)) {
    const name = `${to === null ? 'nobody' : to.slice(0, shownIdLength)} ${topic}`;
    byOwner.set(name, [...(byOwner.get(name) ?? []), partition]);
  }
  const parts = [...byOwner].map(([name, partitions]) => {
    const [owner = '', topic = ''] = name.split(' ');
    return `${topic}:${partitions.join(',')} to ${owner}`;
  });
  const more = movedPartitions - Math.min(moves.length, shownMoves);
  return `${parts.join(' ') || '-'}${more > 0 ? ` and ${more} more` : ''}`;
}
