/**
 * The records of the metadata log: MessagePack maps with a `type` and a `version`.
 *
 * Fields and types may be added. A reader drops fields it does not know and passes over types it does not know, so that
 * an older release can still read the log. A version is raised only when a field changes its meaning.
 */
import { MillraceError } from '@millrace/base';
import { Packr } from 'msgpackr';
import { z } from 'zod';

const nodeId = z.int().min(0);
const epoch = z.int().min(0);
const topicId = z.string().regex(/^[A-Za-z0-9_-]{22}$/);
const version = z.int().min(0);

const partition = z.object({
  partition: z.int().min(0),
  leader: z.int().min(-1),
  leaderEpoch: epoch,
  partitionEpoch: epoch,
  replicas: z.array(nodeId).min(1),
  isr: z.array(nodeId),
  elr: z.array(nodeId),
  adding: z.array(nodeId).default([]),
  removing: z.array(nodeId).default([]),
  minInsyncReplicas: z.int().min(1).default(1),
});

const schemas = {
  /** The first record of every cluster; there is one. */
  cluster: z.object({ type: z.literal('cluster'), version, clusterId: z.string().min(1) }),
  /** A process registered; it is fenced until it has caught up. Replaces the node's earlier registration. */
  broker: z.object({
    type: z.literal('broker'),
    version,
    nodeId,
    brokerEpoch: epoch,
    incarnationId: z.string(),
    directoryId: z.string(),
    roles: z.array(z.enum(['controller', 'broker'])),
    rack: z.string().nullable(),
    hostLabel: z.string().nullable(),
    host: z.string(),
    port: z.int().min(0).max(65_535),
    internalHost: z.string().nullable().default(null),
    internalPort: z.int().min(0).max(65_535).default(0),
  }),
  'broker-state': z.object({
    type: z.literal('broker-state'),
    version,
    nodeId,
    brokerEpoch: epoch,
    state: z.enum(['active', 'fenced', 'shutting-down']),
  }),
  /** The broker was unregistered: it is gone for good, and a process of this node id registers anew. */
  'remove-broker': z.object({ type: z.literal('remove-broker'), version, nodeId, brokerEpoch: epoch }),
  topic: z.object({ type: z.literal('topic'), version, topicId, name: z.string().min(1) }),
  /** Partitions as they are from now on: changed ones, and new ones that follow the last. */
  partitions: z.object({ type: z.literal('partitions'), version, topicId, partitions: z.array(partition) }),
  /** Settings of a topic; null takes one back to the default. */
  'topic-configs': z.object({
    type: z.literal('topic-configs'),
    version,
    topicId,
    changes: z.array(z.object({ key: z.string(), value: z.string().nullable() })),
  }),
  /** The tombstone. Only this, and never the absence of a topic, allows its records to be deleted from disks. */
  'remove-topic': z.object({ type: z.literal('remove-topic'), version, topicId }),
  /** All smaller producer ids are given away. */
  'producer-ids': z.object({ type: z.literal('producer-ids'), version, nextProducerId: epoch }),
} as const;

/** A record of a type that a later release writes. */
interface UnknownMetadataRecord {
  readonly type: 'unknown';
  readonly originalType: string;
}

export type KnownMetadataRecord = z.infer<(typeof schemas)[keyof typeof schemas]>;
export type MetadataRecord = KnownMetadataRecord | UnknownMetadataRecord;

const envelope = z.object({ type: z.string() });
// Structure extensions of msgpackr would tie the bytes to its version.
const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: true });

export function encodeMetadataRecord(record: KnownMetadataRecord): Uint8Array {
  return packr.pack(record);
}

/** Throws `INVALID_RECORD` for bytes that are not a record, or a record whose known fields are not what they must be. */
export function decodeMetadataRecord(bytes: Uint8Array): MetadataRecord {
  let value: unknown;
  try {
    value = packr.unpack(bytes);
  } catch (error) {
    throw new MillraceError('INVALID_RECORD', 'A metadata record is not MessagePack.', { cause: error });
  }
  const type = envelope.safeParse(value).data?.type;
  if (type === undefined) throw new MillraceError('INVALID_RECORD', 'A metadata record is not a map with a type.');
  if (!isKnownType(type)) return { type: 'unknown', originalType: type };
  const parsed = schemas[type].safeParse(value);
  if (parsed.success) return parsed.data;
  throw new MillraceError(
    'INVALID_RECORD',
    `A metadata record of type ${type} is not valid: ${z.prettifyError(parsed.error)}`,
  );
}

function isKnownType(type: string): type is keyof typeof schemas {
  return Object.hasOwn(schemas, type);
}
