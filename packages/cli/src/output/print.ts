/** What commands print: JSON on standard output for programs, aligned tables for people. */
import { createRequire } from 'node:module';
import type Table from 'cli-table3';
import pc from 'picocolors';

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A remark about the work, not its result: standard error. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

const noBorders = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

/** Columns aligned, numbers to the right, no borders: easy to read and to cut. */
export function printTable(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const colors = process.stdout.isTTY;
  // Loaded with the first table: most commands, and a server, print none.
  const table = new (createRequire(import.meta.url)('cli-table3') as typeof Table)({
    head: headings.map((heading) => (colors ? pc.bold(heading) : heading)),
    colAligns: headings.map((_, column) =>
      rows.every((row) => typeof row[column] === 'number') && rows.length > 0 ? 'right' : 'left',
    ),
    chars: noBorders,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  table.push(...rows.map((row) => row.map(cell)));
  printLine(
    table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n'),
  );
}

function cell(value: string | number): string {
  return typeof value === 'number' ? formatCount(value) : value;
}

let countFormat: Intl.NumberFormat | undefined;

export function formatCount(value: number): string {
  countFormat ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 3 });
  return countFormat.format(value);
}

export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}
