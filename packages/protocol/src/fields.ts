/**
 * The building blocks of every schema: bounded numbers, strings and lists, each with the text that the generated
 * documentation prints.
 *
 * Nothing here is open-ended: a peer can make us hold at most what these limits allow, whatever bytes it sends.
 */
import { z } from 'zod';

const maxInt32 = 2 ** 31 - 1;

/** Characters of free text (error messages, host names, versions) and of names; a topic name's own rule is stricter. */
export const maxTextLength = 4096;
export const maxNameLength = 1024;
/** A UUID in any of its spellings. */
export const maxIdLength = 64;
/** Entries of a list of partitions, topics or resources in one request. */
export const maxListLength = 10_000;
/** A reply may list more than a request can ask for: all partitions of all topics. */
export const maxReplyListLength = 100_000;
export const maxReplicas = 64;
export const maxConfigs = 256;

/**
 * Each bound of a schema makes a new one, and there are hundreds of fields: fields of one kind start from one schema, so
 * that a node is not kept from starting by their number.
 */
const kinds = {
  natural: z.int().min(0).max(maxInt32),
  naturalOrNone: z.int().min(-1).max(maxInt32),
  natural53: z.int().min(0),
  natural53OrNone: z.int().min(-1),
  flag: z.boolean(),
  name: z.string().max(maxNameLength),
  text: z.string().max(maxTextLength),
  topicId: z.string().regex(/^[A-Za-z0-9_-]{22}$/, 'must be 22 characters of base64url'),
  id: z.string().min(1).max(maxIdLength),
};

/** A size, count or duration. */
export function natural(text: string) {
  return kinds.natural.describe(text);
}

/** As `natural`, where -1 has the meaning that the text gives. */
export function naturalOrNone(text: string) {
  return kinds.naturalOrNone.describe(text);
}

/** A position in a log, or an amount of bytes or milliseconds beyond 2^31. */
export function natural53(text: string) {
  return kinds.natural53.describe(text);
}

/** As `natural53`, where -1 has the meaning that the text gives. */
export function natural53OrNone(text: string) {
  return kinds.natural53OrNone.describe(text);
}

/** Milliseconds since 1970, or one of the negative marks that the text names. */
export function timestamp(text: string, lowest: number) {
  return z.int().min(lowest).describe(text);
}

export function flag(text: string) {
  return kinds.flag.describe(text);
}

/** Accepts any text up to the limit: whether the name is a good one is answered entry by entry, not by this check. */
export function name(text: string) {
  return kinds.name.describe(text);
}

export function text(description: string) {
  return kinds.text.describe(description);
}

/** A topic's UUID, 16 bytes as 22 characters of base64url. */
export function topicIdField(description = 'Id of the topic: a topic deleted and created again has another.') {
  return kinds.topicId.describe(description);
}

/** Drawn once and compared for equality: incarnations, directories. */
export function idField(description: string) {
  return kinds.id.describe(description);
}

export function nodeIdField(description: string) {
  return natural(description);
}

export function brokerEpochField(description: string) {
  return natural53(description);
}

export function portField(description: string) {
  return natural(description).max(65_535);
}

const partitionIndex = natural('Index of the partition within its topic, from 0.');

export function partitionField() {
  return partitionIndex;
}

const errorNumber = z.int().min(-1).max(32_767).describe('0 when it went well, else the number of the error.');
const errorMessage = text('What happened and what to do about it; null when it went well.').nullable();

/** `error` of an entry: a number of the error table, 0 when it went well. */
export function errorField() {
  return errorNumber;
}

/** `message` of an entry: what happened, for people. */
export function messageField() {
  return errorMessage;
}

export function requestList<Item extends z.ZodType>(item: Item, description: string) {
  return z.array(item).max(maxListLength).describe(description);
}

export function replyList<Item extends z.ZodType>(item: Item, description: string) {
  return z.array(item).max(maxReplyListLength).describe(description);
}

export function replicaList(description: string) {
  return z.array(natural('Node id.')).max(maxReplicas).describe(description);
}

export function nodeRoles() {
  return z
    .array(z.enum(['controller', 'broker']))
    .max(8)
    .describe('What the node does.');
}
