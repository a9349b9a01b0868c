/**
 * The records of `__consumer_offsets`, by which a group coordinator rebuilds its state. One key for each thing that can
 * change by itself, so that compaction keeps exactly the newest state of each; a null value takes it away.
 *
 *     key      MessagePack array    [ type, group, more ... ]
 *     value    MessagePack map      { version, fields ... }
 *
 *     group       [group]                      epochs, assignor, the topics that the epoch was made for
 *     member      [group, member id]           what the member said of itself
 *     target      [group, member id]           what it is to have
 *     current     [group, member id]           what it has, and under which epoch
 *     rebalance   [group, slot]                one of the last rebalances; slots are used again
 *     offset      [group, topic id, partition] a committed offset
 *     pending-offset  [group, producer id, topic id, partition]
 *                                              an offset that counts once the producer's transaction is committed
 *
 * Fields and types may be added. A reader drops fields it does not know and passes over types it does not know.
 */
import { MillraceError } from '@millrace/base';
import { Packr } from 'msgpackr';
import { z } from 'zod';

const count = z.int().min(0);
const orNone = z.int().min(-1);
const topicId = z.string().regex(/^[A-Za-z0-9_-]{22}$/);
const version = count;

const topicPartitions = z.object({ topicId, partitions: z.array(count) });
/** `epochs[i]`: the member epoch under which the member got `partitions[i]`. */
const heldPartitions = z.object({ topicId, partitions: z.array(count), epochs: z.array(count) });

export const rebalanceTriggers = [
  'member-joined',
  'member-left',
  'member-expired',
  'member-fenced',
  'member-replaced',
  'subscription-changed',
  'assignor-changed',
  'topics-changed',
] as const;

const committedOffset = z.object({
  version,
  offset: count,
  leaderEpoch: orNone,
  metadata: z.string().nullable(),
  committedMs: count,
  /** End of the metadata in which the topic was there: metadata that is newer and lacks it tells of its deletion. */
  metadataPosition: count,
});

const values = {
  group: z.object({
    version,
    epoch: count,
    assignmentEpoch: count,
    assignor: z.string(),
    topics: z.array(z.object({ topicId, name: z.string(), partitions: count })),
    /** End of the metadata that the topics were taken from: what is older knows less. */
    metadataPosition: count,
    /** Since when it has had no members; -1: it has some. */
    emptySinceMs: orNone,
  }),
  member: z.object({
    version,
    instanceId: z.string().nullable(),
    rackId: z.string().nullable(),
    clientId: z.string(),
    host: z.string(),
    rebalanceTimeoutMs: count,
    topics: z.array(z.string()),
    pattern: z.string(),
    assignor: z.string().nullable(),
  }),
  target: z.object({ version, partitions: z.array(topicPartitions) }),
  current: z.object({
    version,
    /** -2: a static member that is away. */
    epoch: z.int().min(-2),
    previousEpoch: z.int().min(-2),
    state: z.enum(['stable', 'revoking', 'waiting']),
    assigned: z.array(heldPartitions),
    revoking: z.array(heldPartitions),
  }),
  rebalance: z.object({
    version,
    epoch: count,
    trigger: z.enum(rebalanceTriggers),
    memberId: z.string().nullable(),
    detail: z.string(),
    startedMs: count,
    /** -1: not over. */
    finishedMs: orNone,
    isSuperseded: z.boolean(),
    movedPartitions: count,
    moves: z.array(z.object({ topicId, partition: count, from: z.string().nullable(), to: z.string().nullable() })),
  }),
  offset: committedOffset,
  /** Under which epoch of the producer: one transaction. */
  'pending-offset': committedOffset.extend({ producerEpoch: count }),
} as const;

const group = z.string();
const memberId = z.string();
const keys = {
  group: z.tuple([z.literal('group'), group]),
  member: z.tuple([z.literal('member'), group, memberId]),
  target: z.tuple([z.literal('target'), group, memberId]),
  current: z.tuple([z.literal('current'), group, memberId]),
  rebalance: z.tuple([z.literal('rebalance'), group, count]),
  offset: z.tuple([z.literal('offset'), group, topicId, count]),
  'pending-offset': z.tuple([z.literal('pending-offset'), group, count, topicId, count]),
} as const;

export type GroupRecordType = keyof typeof values;
export type RebalanceTrigger = (typeof rebalanceTriggers)[number];

type RecordOf<Type extends GroupRecordType> = {
  readonly type: Type;
  readonly key: z.infer<(typeof keys)[Type]>;
  readonly value: z.infer<(typeof values)[Type]> | null;
};

/** One record; `value` null is the tombstone. */
export type GroupRecord = { [Type in GroupRecordType]: RecordOf<Type> }[GroupRecordType];
export type GroupRecordValue<Type extends GroupRecordType> = z.infer<(typeof values)[Type]>;

// Structure extensions of msgpackr would tie the bytes to its version.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });

export function encodeGroupRecord({ key, value }: GroupRecord): { key: Uint8Array; value: Uint8Array | null } {
  return { key: packr.pack(key), value: value === null ? null : packr.pack(value) };
}

/** Undefined for a type that a later release writes. Throws `INVALID_RECORD` for bytes that are not a record. */
export function decodeGroupRecord(keyBytes: Uint8Array, valueBytes: Uint8Array | null): GroupRecord | undefined {
  const key = unpack(keyBytes);
  const type: unknown = Array.isArray(key) ? key[0] : undefined;
  if (typeof type !== 'string') throw invalid('has a key that is not an array with a type', undefined);
  if (!isKnownType(type)) return undefined;
  const parsedKey = keys[type].safeParse(key);
  if (!parsedKey.success) throw invalid(`of type ${type} has a wrong key`, parsedKey.error);
  if (valueBytes === null) return { type, key: parsedKey.data, value: null } as GroupRecord;
  const parsed = values[type].safeParse(unpack(valueBytes));
  if (!parsed.success) throw invalid(`of type ${type} is not valid: ${z.prettifyError(parsed.error)}`, parsed.error);
  return { type, key: parsedKey.data, value: parsed.data } as GroupRecord;
}

function unpack(bytes: Uint8Array): unknown {
  try {
    return packr.unpack(bytes);
  } catch (error) {
    throw invalid('is not MessagePack', error);
  }
}

function isKnownType(type: string): type is GroupRecordType {
  return Object.hasOwn(values, type);
}

function invalid(what: string, cause: unknown): MillraceError {
  return new MillraceError('INVALID_RECORD', `A record of a group ${what}.`, { cause });
}
