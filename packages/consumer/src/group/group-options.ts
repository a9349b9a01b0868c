/** The options of a consumer that shares its topics with the other members of a group: names, defaults, bounds. */
import { MillraceError } from '@millrace/base';
import type { TopicPartition } from '../consumer-record.js';

/**
 * What a crash does to the records that were underway:
 *
 * - `at-least-once`: an offset is committed after the record was processed; some records may come again;
 * - `at-most-once`: it is committed before the record is handed over; some records may never come;
 * - `exactly-once`: nothing is committed by itself: the offset is stored together with what the record brought about, in a
 *   database of the program (`EffectConsumer`) or in a transaction of a producer.
 */
export type DeliveryPromise = 'at-least-once' | 'at-most-once' | 'exactly-once';

export type PartitionsCallback = (partitions: readonly TopicPartition[]) => Promise<void> | void;

export interface AssignmentFacts {
  /** The epoch with which the partitions came: higher than that of anybody who had one of them before. */
  readonly memberEpoch: number;
}

export type AssignedCallback = (partitions: readonly TopicPartition[], facts: AssignmentFacts) => Promise<void> | void;

export interface GroupOptions {
  /** Shares the partitions of `topics` and `topicPattern` with the other consumers of this name. */
  readonly group?: string;
  /** Topics whose whole name matches are read too, also those that come later: text, ?, *, [a-z], {one,other}. */
  readonly topicPattern?: string;
  /** A name that stays the same over restarts: who comes back in time gets its partitions back, and nobody else moves. */
  readonly instanceId?: string;
  /** Where this consumer runs: it gets partitions that have a replica there, as far as that is possible. */
  readonly rack?: string;
  /** How the broker shares partitions out; by default as the broker is set. */
  readonly assignor?: 'uniform' | 'range';
  readonly delivery?: DeliveryPromise;
  /** Commits what was processed from time to time, when partitions are given up, and when it is closed (true). */
  readonly autoCommit?: boolean;
  readonly autoCommitIntervalMs?: number;
  /** Commits as well when so many records were processed since (no limit but the interval). */
  readonly autoCommitRecords?: number;
  /**
   * A program that asks for nothing for so long gives up its partitions until it asks again (300 s). With `run` it is one
   * callback that takes so long: what the others have done is committed, and `run` ends with `MAX_POLL_INTERVAL_EXCEEDED`.
   */
  readonly maxPollIntervalMs?: number;
  /** How long `close` waits for the callbacks of `run` to end, and for the last commit (10 s). */
  readonly closeTimeoutMs?: number;
  /** These partitions are this consumer's now. Awaited before the first record of them; the place to `seek`. */
  readonly onAssigned?: AssignedCallback;
  /** They are to be given up, and nothing is underway in them. Awaited before the last commit and the hand-over. */
  readonly onRevoked?: PartitionsCallback;
  /** They may be another's already: what was not committed will be read by that one. */
  readonly onLost?: PartitionsCallback;
}

export interface GroupSettings {
  readonly group: string;
  readonly topics: readonly string[];
  readonly topicPattern: string;
  readonly clientId: string;
  readonly instanceId: string | null;
  readonly rack: string | null;
  readonly assignor: string | null;
  readonly delivery: DeliveryPromise;
  readonly autoCommit: boolean;
  readonly autoCommitIntervalMs: number;
  readonly autoCommitRecords: number;
  readonly maxPollIntervalMs: number;
  readonly closeTimeoutMs: number;
  readonly onAssigned: AssignedCallback | undefined;
  readonly onRevoked: PartitionsCallback | undefined;
  readonly onLost: PartitionsCallback | undefined;
}

interface Context {
  readonly topics?: readonly string[];
  readonly assignments?: readonly unknown[];
  readonly clientId?: string;
  readonly isolation?: string;
}

/** Undefined: the consumer is in no group. */
export function groupSettings(options: GroupOptions & Context): GroupSettings | undefined {
  const { group, topics = [], topicPattern = '', delivery = 'at-least-once' } = options;
  if (group === undefined) {
    for (const name of groupOnly) {
      if (options[name] !== undefined) throw invalid(`${name} means something only together with group.`);
    }
    return undefined;
  }
  if (group === '') throw invalid('group must not be empty.');
  if (options.assignments !== undefined) {
    throw invalid('assignments and group exclude each other: the group says who reads what. Give topics.');
  }
  if (topics.length === 0 && topicPattern === '') throw invalid('a group needs topics or topicPattern.');
  if (!['at-least-once', 'at-most-once', 'exactly-once'].includes(delivery)) {
    throw invalid(`delivery is ${String(delivery)}; it must be at-least-once, at-most-once or exactly-once.`);
  }
  if (delivery === 'exactly-once' && options.autoCommit === true) {
    throw invalid('delivery exactly-once stores offsets with what records bring about: autoCommit cannot be on.');
  }
  if (delivery === 'exactly-once' && options.isolation === 'read-uncommitted') {
    throw invalid('delivery exactly-once reads what is committed: isolation cannot be read-uncommitted.');
  }
  if (delivery === 'at-most-once' && options.autoCommit === false) {
    throw invalid('delivery at-most-once commits by itself: autoCommit cannot be off.');
  }
  return {
    group,
    topics,
    topicPattern,
    clientId: options.clientId ?? 'millrace-js',
    instanceId: options.instanceId ?? null,
    rack: options.rack ?? null,
    assignor: options.assignor ?? null,
    delivery,
    autoCommit: options.autoCommit ?? delivery !== 'exactly-once',
    autoCommitIntervalMs: atLeastOne('autoCommitIntervalMs', options.autoCommitIntervalMs ?? 1000),
    autoCommitRecords:
      options.autoCommitRecords === undefined ? Infinity : atLeastOne('autoCommitRecords', options.autoCommitRecords),
    maxPollIntervalMs: atLeastOne('maxPollIntervalMs', options.maxPollIntervalMs ?? 300_000),
    closeTimeoutMs: atLeastOne('closeTimeoutMs', options.closeTimeoutMs ?? 10_000),
    onAssigned: options.onAssigned,
    onRevoked: options.onRevoked,
    onLost: options.onLost,
  };
}

const groupOnly = [
  'topicPattern',
  'instanceId',
  'rack',
  'assignor',
  'delivery',
  'autoCommit',
  'autoCommitIntervalMs',
  'autoCommitRecords',
  'maxPollIntervalMs',
  'closeTimeoutMs',
  'onAssigned',
  'onRevoked',
  'onLost',
] as const;

function atLeastOne(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw invalid(`${name} is ${value}; it must be a whole number from 1 to ${2 ** 31 - 1}.`);
}

function invalid(what: string): MillraceError {
  return new MillraceError('INVALID_CONFIG', `Consumer options: ${what}`);
}
