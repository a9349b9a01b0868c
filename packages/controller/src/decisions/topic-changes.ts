/** Checks that several topic requests share. Each throws the typed error that the entry of the request is answered with. */
import { formatSetting, MillraceError, parseSettings, type Setting, type SettingValue } from '@millrace/base';
import { noError, protocolError, topicNameProblem, wireError, type WireError } from '@millrace/protocol';
import { isInternalTopic } from '../image/internal-topics.js';
import type { MetadataImage, PartitionImage, TopicImage } from '../image/metadata-image.js';
import { topicSettings } from '../image/topic-settings.js';

export type EntryResult<Result> =
  { readonly result: Result; readonly error: undefined } | { readonly result: undefined; readonly error: WireError };

/**
 * Runs the decision of one entry of a request: a typed refusal is that entry's answer and leaves the other entries
 * alone. Anything else thrown is our own bug and fails the whole command.
 */
export function entryResult<Result>(decide: () => Result): EntryResult<Result> {
  try {
    return { result: decide(), error: undefined };
  } catch (error) {
    const wire = wireError(error);
    if (!(error instanceof MillraceError) || wire.error === -1) throw error;
    return { result: undefined, error: wire };
  }
}

export function checkNewTopicName(image: MetadataImage, name: string): void {
  const problem = topicNameProblem(name);
  if (problem !== undefined) throw protocolError('INVALID_TOPIC_EXCEPTION', `Cannot create a topic: ${problem}.`);
  const like = image.topicLike(name);
  if (like?.name === name) throw protocolError('TOPIC_ALREADY_EXISTS', `Topic '${name}' already exists.`);
  if (like !== undefined) {
    throw protocolError(
      'INVALID_TOPIC_EXCEPTION',
      `Topic '${name}' collides with topic '${like.name}': names that differ only in '.' and '_' cannot be told apart in metrics.`,
    );
  }
}

export function topicNamed(image: MetadataImage, name: string): TopicImage {
  const topic = image.topicByName(name);
  if (topic !== undefined) return topic;
  throw protocolError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${name}' does not exist.`);
}

export function partitionOf(topic: TopicImage, index: number): PartitionImage {
  const partition = topic.partitions[index];
  if (partition !== undefined) return partition;
  throw protocolError('UNKNOWN_TOPIC_OR_PARTITION', `Topic '${topic.name}' has no partition ${index}.`);
}

export function refuseInternal(name: string, what: string): void {
  if (isInternalTopic(name)) {
    throw protocolError('INVALID_REQUEST', `Topic '${name}' is kept by the cluster for itself and cannot be ${what}.`);
  }
}

/** Texts of settings, checked and in their canonical form, by key. Throws `INVALID_CONFIG` that names all faults. */
export function checkedConfigs(raw: ReadonlyMap<string, string>): Map<string, string> {
  const values = valuesOf(raw);
  return new Map(Object.entries(values).flatMap(([key, value]) => (raw.has(key) ? [[key, formatSetting(value)]] : [])));
}

function valuesOf(raw: ReadonlyMap<string, string>): Readonly<Record<string, SettingValue<Setting>>> {
  try {
    return parseSettings(topicSettings, Object.fromEntries(raw));
  } catch (error) {
    // One line for each fault is for people who read a configuration file; a reply has one line.
    if (error instanceof MillraceError && error.code === 'INVALID_CONFIG') {
      throw protocolError('INVALID_CONFIG', error.message.replaceAll('\n', ' '), error);
    }
    throw error;
  }
}

/** Names that a request has more than once. */
export function duplicates(names: readonly (string | null)[]): ReadonlySet<string> {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const name of names) {
    if (name === null) continue;
    if (seen.has(name)) twice.add(name);
    seen.add(name);
  }
  return twice;
}

export function refuseDuplicate(twice: ReadonlySet<string>, name: string): void {
  if (twice.has(name)) throw protocolError('INVALID_REQUEST', `The request names '${name}' more than once.`);
}

/** The answer of an entry that went well. */
export const succeeded: WireError = noError;
