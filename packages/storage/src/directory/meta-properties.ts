/**
 * `meta.properties`: whose data directory this is, as Kafka writes it.
 *
 *     version=1
 *     cluster.id=V1mXq8rCQVWq0N0oM3SR2g
 *     node.id=1
 *     directory.id=i8yBnY2tQw6oQ1u4tEJt5A
 *
 * Written when the directory is first used; `cluster.id` is empty until the node has joined a cluster, and then never
 * changes. A directory of another cluster or node is refused: serving its data
 * under another name mixes two logs, and a node that comes back with another's disk breaks what it promised.
 */
import { errorMessage, MillraceError, type FileSystem } from '@millrace/base';
import { readSmallFile, writeFileAtomically } from '../atomic-file.js';
import { parseNatural } from '../checkpoint-text.js';
import { decodeProperties, encodeProperties } from './properties-text.js';

export interface MetaProperties {
  /** Empty: none yet. */
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
}

const fileName = 'meta.properties';
const maxBytes = 64 * 1024;

/** Undefined when the directory was never used. Throws when the file does not say what it must. */
export function readMetaProperties(files: FileSystem, directory: string): MetaProperties | undefined {
  const path = `${directory}/${fileName}`;
  const bytes = readSmallFile(files, path, maxBytes);
  if (bytes === undefined) return undefined;
  const properties = decodeProperties(bytes);
  const clusterId = properties?.get('cluster.id');
  const nodeId = parseNatural(properties?.get('node.id') ?? '');
  const directoryId = properties?.get('directory.id');
  if (properties?.get('version') !== '1' || clusterId === undefined || nodeId === undefined || !directoryId) {
    throw new MillraceError(
      'KAFKA_STORAGE_ERROR',
      `${path} is damaged: it must hold version=1, cluster.id, node.id and directory.id. Restore it from a copy, or ` +
        'write those lines by hand; Millrace does not guess whose data this is',
    );
  }
  return { clusterId, nodeId, directoryId };
}

export function writeMetaProperties(files: FileSystem, directory: string, meta: MetaProperties): Promise<void> {
  const properties = {
    version: '1',
    'cluster.id': meta.clusterId,
    'node.id': String(meta.nodeId),
    'directory.id': meta.directoryId,
  };
  return writeFileAtomically(files, `${directory}/${fileName}`, encodeProperties(properties));
}

/** Throws when the directory is not the one of this cluster and node. */
export function checkMetaProperties(
  directory: string,
  meta: MetaProperties,
  expected: { readonly clusterId: string | undefined; readonly nodeId: number },
): void {
  if (meta.clusterId !== '' && expected.clusterId !== undefined && expected.clusterId !== meta.clusterId) {
    throw new MillraceError(
      'INCONSISTENT_CLUSTER_ID',
      `${directory} holds data of cluster ${meta.clusterId}, and this node belongs to cluster ${expected.clusterId}. ` +
        'Start it with the data directory of its own cluster, or with an empty one',
    );
  }
  if (expected.nodeId !== meta.nodeId) {
    throw new MillraceError(
      'INCONSISTENT_NODE_ID',
      `${directory} holds data of node ${meta.nodeId}, and this is node ${expected.nodeId}. ` +
        `Start it as node ${meta.nodeId}, or with another data directory`,
    );
  }
}

/** For messages: the file and what is wrong with reaching it. */
export function unreachableDirectory(directory: string, cause: unknown): MillraceError {
  return new MillraceError(
    'KAFKA_STORAGE_ERROR',
    `cannot use data directory ${directory}: ${errorMessage(cause)}. Give the user that runs Millrace the right to ` +
      'read and write it, or choose another directory',
    { cause },
  );
}
