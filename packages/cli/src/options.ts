/** Options shared by commands, and the parsers that turn their texts into checked values. */
import { type Command, InvalidArgumentError } from 'commander';

/** The command line asks for something that makes no sense: exit code 2. */
export class UsageError extends Error {}

export interface CommonOptions {
  readonly bootstrap: string;
  readonly json: boolean;
  readonly timeoutMs: number;
}

export function withCommonOptions(command: Command): Command {
  return command
    .option(
      '--bootstrap <host:port,...>',
      'nodes to reach first',
      process.env['MILLRACE_BOOTSTRAP'] ?? '127.0.0.1:7400',
    )
    .option('--json', 'print JSON for programs', false)
    .option('--timeout-ms <n>', 'give up after this long', integer(1, 3_600_000), 30_000);
}

/** A whole number within bounds. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(
        max === Number.MAX_SAFE_INTEGER
          ? `Expected a whole number from ${min}.`
          : `Expected a whole number from ${min} to ${max}.`,
      );
    return value;
  };
}

export function oneOf<const Choice extends string>(...choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw new InvalidArgumentError(`Expected one of ${choices.join(', ')}.`);
    return choice;
  };
}

/** Collects a repeatable `key=value` option into a record. */
export function keyValue(text: string, previous: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at <= 0) throw new InvalidArgumentError('Expected key=value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects a repeatable option into a list. */
export function collect(text: string, previous: readonly string[] = []): string[] {
  return [...previous, text];
}

/** Where to start reading: `beginning`, `end`, an offset, or a time in ISO 8601. */
export type StartPosition = 'beginning' | 'end' | { readonly offset: number } | { readonly timestampMs: number };

export function startPosition(text: string): StartPosition {
  if (text === 'beginning' || text === 'end') return text;
  if (/^\d+$/.test(text)) {
    const offset = Number(text);
    if (Number.isSafeInteger(offset)) return { offset };
  }
  // A bare number is an offset, so a time needs at least year, month and day.
  const timestampMs = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(timestampMs)) return { timestampMs };
  throw new InvalidArgumentError('Expected beginning, end, an offset, or a time such as 2026-01-31T12:00:00Z.');
}

export interface TopicOrPartition {
  readonly topic: string;
  /** Undefined: all of the topic's. */
  readonly partition: number | undefined;
}

/** `TOPIC` or `TOPIC:PARTITION`; a topic's name has no colon. */
export function topicOrPartition(text: string): TopicOrPartition {
  const [topic = '', partition, ...rest] = text.split(':');
  const isNumber = partition === undefined || /^\d{1,6}$/.test(partition);
  if (topic === '' || !isNumber || rest.length > 0)
    throw new UsageError(`expected TOPIC or TOPIC:PARTITION, such as orders:3, not ${JSON.stringify(text)}`);
  return { topic, partition: partition === undefined ? undefined : Number(partition) };
}

/** Collects a repeatable `P=1,2,3` option: the partition, and the nodes that are to hold it, preferred leader first. */
export function partitionReplicas(
  text: string,
  previous: ReadonlyMap<number, readonly number[]> = new Map<number, readonly number[]>(),
): Map<number, readonly number[]> {
  const match = /^(\d{1,6})=(\d{1,10}(?:,\d{1,10})*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Expected PARTITION=NODE,NODE,..., such as 0=1,2,3.');
  const partition = Number(match[1]);
  const replicas = (match[2] ?? '').split(',').map(Number);
  if (new Set(replicas).size < replicas.length) throw new InvalidArgumentError('A node is named twice.');
  if (previous.has(partition)) throw new InvalidArgumentError(`Partition ${partition} is given twice.`);
  return new Map([...previous, [partition, replicas]]);
}
