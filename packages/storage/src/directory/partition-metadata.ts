/**
 * `partition.metadata` in a partition's directory, as Kafka writes it:
 *
 *     version: 0
 *     topic_id: kZ1vGm0bTDmU0cFz8qRr4w
 *
 * The name of the directory says which topic and partition; this says which of the topics that had that name. It is
 * written before the first segment, so a directory that has segments and no such file lost it.
 */
import type { FileSystem } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';
import { decodeProperties } from './properties-text.js';

export const partitionMetadataName = 'partition.metadata';

const maxBytes = 4096;
const topicIdPattern = /^[A-Za-z0-9_-]{22}$/;

export function writePartitionMetadata(files: FileSystem, directory: string, topicId: string): Promise<void> {
  const text = `version: 0\ntopic_id: ${topicId}`;
  return writeFileAtomically(files, `${directory}/${partitionMetadataName}`, Buffer.from(text, 'utf8'));
}

/** The topic's id; undefined when the file is absent or damaged. */
export function readPartitionMetadata(files: FileSystem, directory: string): string | undefined {
  const bytes = readSmallFile(files, `${directory}/${partitionMetadataName}`, maxBytes);
  const properties = bytes && decodeProperties(bytes, ':');
  const topicId = properties?.get('topic_id');
  if (properties?.get('version') !== '0' || topicId === undefined || !topicIdPattern.test(topicId)) return undefined;
  return topicId;
}
