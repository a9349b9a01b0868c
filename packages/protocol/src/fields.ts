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

/** A size, count or duration. */
export function natural(text: string) {
  return z.int().min(0).max(maxInt32).describe(text);
}

/** As `natural`, where -1 has the meaning that the text gives. */
export function naturalOrNone(text: string) {
  return z.int().min(-1).max(maxInt32).describe(text);
}

/** A position in a log, or an amount of bytes or milliseconds beyond 2^31. */
export function natural53(text: string) {
  return z.int().min(0).describe(text);
}

/** As `natural53`, where -1 has the meaning that the text gives. */
export function natural53OrNone(text: string) {
  return z.int().min(-1).describe(text);
}

/** Milliseconds since 1970, or one of the negative marks that the text names. */
export function timestamp(text: string, lowest: number) {
  return z.int().min(lowest).describe(text);
}

export function flag(text: string) {
  return z.boolean().describe(text);
}

/** Accepts any text up to the limit: whether the name is a good one is answered entry by entry, not by this check. */
export function name(text: string) {
  return z.string().max(maxNameLength).describe(text);
}

export function text(description: string) {
  return z.string().max(maxTextLength).describe(description);
}

/** A topic's UUID, 16 bytes as 22 characters of base64url. */
export function topicIdField(description = 'Id of the topic: a topic deleted and created again has another.') {
  return z
    .string()
    .regex(/^[A-Za-z0-9_-]{22}$/, 'must be 22 characters of base64url')
    .describe(description);
}

/** Drawn once and compared for equality: incarnations, directories. */
export function idField(description: string) {
  return z.string().min(1).max(maxIdLength).describe(description);
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

export function partitionField() {
  return natural('Index of the partition within its topic, from 0.');
}

/** `error` of an entry: a number of the error table, 0 when it went well. */
export function errorField() {
  return z.int().min(-1).max(32_767).describe('0 when it went well, else the number of the error.');
}

/** `message` of an entry: what happened, for people. */
export function messageField() {
  return text('What happened and what to do about it; null when it went well.').nullable();
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
