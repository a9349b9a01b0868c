/** `millrace log dump`: what is in a data directory, a partition's directory or a file, without a running node. */
import { MillraceError } from '@millrace/base';
import { nodeEnvironment } from '@millrace/base/node';
import type { DumpLine, DumpProblem } from '@millrace/storage';
import type { Command } from 'commander';
import { formatBytes, formatCount, printJson, printLine, printNote } from '../output/print.js';
import { recordToJson } from '../output/record-json.js';
import type { CommandContext } from '../program.js';

interface DumpOptions {
  readonly batches: boolean;
  readonly records: boolean;
  readonly verify: boolean;
  readonly json: boolean;
}

export function addLogCommands(program: Command, { signal }: CommandContext): void {
  program
    .command('log')
    .description('look into log files')
    .command('dump <path>')
    .description("show a data directory, a partition's directory or one of its files; no node is needed")
    .option('--batches', 'a line for each batch', false)
    .option('--records', 'a line for each record', false)
    .option('--verify', 'decode everything, and compare indexes and small files with the log', false)
    .option('--json', 'print JSON for programs', false)
    .action(async (path: string, options: DumpOptions) => {
      const { dumpLog } = await import('@millrace/storage');
      for await (const line of dumpLog(nodeEnvironment().files, { path, ...options })) {
        signal.throwIfAborted();
        if (line.kind === 'summary') finish(line, options.json);
        else if (line.kind !== 'problem') printJson(toJson(line));
        else if (!options.json) printNote(describe(line));
      }
    });
}

/** The last line. Damage makes the command fail: scripts look at the exit code. */
function finish(
  { batches, records, bytes, problems, problemCount }: Extract<DumpLine, { kind: 'summary' }>,
  json: boolean,
): void {
  if (json) printJson({ batches, records, bytes, errors: problems, errorCount: problemCount });
  else
    printLine(
      `${formatCount(batches)} batches, ${formatCount(records)} records, ${formatBytes(bytes)}, ${problemCount} problem(s)`,
    );
  const first = problems[0];
  if (first !== undefined)
    throw new MillraceError('CORRUPT_LOG', `${problemCount} problem(s); the first: ${describe(first)}`);
}

function describe({ file, position, problem }: DumpProblem): string {
  return `${file} at byte ${position}: ${problem}`;
}

function toJson(line: DumpLine): unknown {
  if (line.kind !== 'record') return line;
  const { kind, file, isControl, record } = line;
  return { kind, file, isControl, ...recordToJson(record) };
}
